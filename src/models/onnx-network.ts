import { DataError, RequestError } from "../errors.js";
import {
  type Graph,
  GraphBuilder,
  type OnnxFile,
  parseModel,
  rewrite,
  type Shape,
  type StoredBinding,
  showShape,
  type Value,
  withOwnWeights,
} from "../onnx/index.js";
import { type Normalization, normalized, type Size } from "./preprocess.js";

/** A classifier as an ONNX file describes it, of any origin; its values stand apart, as with any model. */
export interface OnnxNetwork {
  readonly name: string;
  readonly file: OnnxFile;
  readonly input: OnnxInput;
  /** Name of the output with a score a class. */
  readonly output: string;
  /** The only resolution that it is right at, px: that of an export whose padding or ranges were made for it. */
  readonly only?: number;
}

/** How the pictures go in. */
export interface OnnxInput {
  readonly name: string;
  readonly layout: "NCHW" | "NHWC";
  readonly type: "float32" | "uint8";
  /** Height and width where the file has them fixed, px. */
  readonly resolution: number | null;
  /** Pictures a run where the file has them fixed. */
  readonly batch: number | null;
}

/** Height and width at which a graph is looked at whose file leaves them open, px. */
const USUAL_RESOLUTION = 224;

/** The resolution that a network's file has, or the usual one. */
export const ownResolution = ({ input }: OnnxNetwork): number => input.resolution ?? USUAL_RESOLUTION;

/** True for a network that is an ONNX file rather than one of the family. */
export const isOnnxNetwork = (arch: object): arch is OnnxNetwork => "file" in arch;

/**
 * A classifier from an ONNX model.
 * @throws {DataError} where it has no input for pictures, or several inputs
 */
export function onnxNetwork(model: OnnxFile, name: string): OnnxNetwork {
  const file = withOwnWeights(model);
  const stored = new Set(file.graph.initializer.map((tensor) => tensor.name));
  const inputs = file.graph.input.filter((info) => !stored.has(info.name));
  const [output] = file.graph.output;
  if (inputs.length !== 1 || output === undefined) {
    const names = inputs.map((info) => `"${info.name}"`).join(", ");
    throw new DataError(
      `${name} has the inputs ${names || "none"}; a classifier has one, its pictures, and an output.`,
    );
  }
  return { name, file, input: pictureInput(inputs[0]!, name), output: output.name };
}

function pictureInput(info: OnnxFile["graph"]["input"][number], where: string): OnnxInput {
  const { name, type } = info;
  const tensor = type?.value.case === "tensorType" ? type.value.value : undefined;
  const sizes = (tensor?.shape?.dim ?? []).map(({ value }) => (value.case === "dimValue" ? Number(value.value) : null));
  const channels = sizes[1] === 3 ? 1 : sizes[3] === 3 ? 3 : sizes[1] === null ? 1 : -1;
  const element = tensor?.elemType;
  if (sizes.length !== 4 || channels < 0 || (element !== FLOAT && element !== UINT8)) {
    const shown = showShape(sizes.map((size) => size ?? -1)).replaceAll("-1", "?");
    throw new DataError(
      `input "${name}" of ${where} is ${shown} of ONNX's element type ${element}; pictures are float32 or uint8 [N, 3, H, W] or [N, H, W, 3].`,
    );
  }
  const [height, width] = channels === 1 ? [sizes[2]!, sizes[3]!] : [sizes[1]!, sizes[2]!];
  if (height !== null && width !== null && height !== width)
    throw new DataError(`input "${name}" of ${where} is ${height} x ${width}; square pictures are needed.`);
  const fixed = [height, width, sizes[0] ?? null].filter((size) => size !== null);
  if (!fixed.every((size) => size >= 1 && size <= LARGEST_SIDE))
    throw new DataError(
      `input "${name}" of ${where} is ${showShape(sizes.map((size) => size ?? -1)).replaceAll("-1", "?")}; 1 to ${LARGEST_SIDE} pictures and pixels a side are supported.`,
    );
  return {
    name,
    layout: channels === 1 ? "NCHW" : "NHWC",
    type: element === UINT8 ? "uint8" : "float32",
    resolution: height ?? width,
    batch: sizes[0] ?? null,
  };
}

/** Of pictures, px; a batch of which nobody has the memory for begins far below. */
const LARGEST_SIDE = 2 ** 14;

/** ONNX's numbers for the element types that pictures have. */
const FLOAT = 1;
const UINT8 = 2;

/** The network as a graph at a size, as its file has it: from its own input to its output. */
export function onnxGraph(
  { name, file, input, only }: OnnxNetwork,
  { resolution, batch }: Size,
): { graph: Graph; bindings: ReadonlyMap<string, StoredBinding> } {
  if (only !== undefined && resolution !== only)
    throw new RequestError(`${name} was exported for ${only} px; for ${resolution} px export its model again.`);
  return parseModel(file, { shapes: { [input.name]: pictureShape(input, { resolution, batch }) } });
}

const pictureShape = ({ layout }: OnnxInput, { resolution, batch }: Size): Shape =>
  layout === "NCHW" ? [batch, 3, resolution, resolution] : [batch, resolution, resolution, 3];

/**
 * The graph from pictures as bytes to `logits` [batch, classes], as that of any model: normalisation is put before, and a
 * softmax at the end is left off.
 * @throws {ShapeError} naming the node that forbids the size
 */
export function onnxPixelGraph(network: OnnxNetwork, normalization: Normalization, size: Size): Graph {
  const { graph } = onnxGraph(network, size);
  const { layout, type } = network.input;
  const b = new GraphBuilder();
  const pixels = b.input("pixels", "uint8", [size.batch, size.resolution, size.resolution, 3]);
  const given = layout === "NCHW" ? b.transpose(pixels, [0, 3, 1, 2]) : pixels;
  const fed = type === "uint8" ? given : normalizedAs(b, pixels, normalization, layout);
  const whole = rewrite(graph, () => null, new Map([[graph.inputs[0]!, fed]]));
  const logits = scores(whole.outputs[network.output]!, network.name, size.batch);
  return { name: network.name, inputs: [pixels], outputs: { logits } };
}

function normalizedAs(
  b: GraphBuilder,
  pixels: Value,
  normalization: Normalization,
  layout: OnnxInput["layout"],
): Value {
  const x = normalized(b, pixels, normalization);
  return layout === "NCHW" ? x : b.transpose(x, [0, 2, 3, 1]);
}

/** A score a class, [batch, classes], before a softmax. */
function scores(output: Value, name: string, batch: number): Value {
  let value = output;
  while (value.source.kind === "node" && value.source.node.op === "Softmax") value = value.source.node.inputs[0]!;
  const { shape, type } = value;
  const long = shape.filter((n, axis) => axis > 0 && n > 1);
  if (type !== "float32" || shape[0] !== batch || long.length > 1) {
    throw new DataError(
      `the output "${value.name}" of ${name} is ${type} ${showShape(shape)} for ${batch} pictures; a classifier gives float32 [N, classes].`,
    );
  }
  const classes = long[0] ?? 1;
  return shape.length === 2 ? value : new GraphBuilder([value.name]).reshape(value, [batch, classes]);
}
