import { DataError } from "../errors.js";
import { constantData, type Node, nodesFor, type Value } from "../onnx/index.js";
import type { Tensor } from "../weights/index.js";
import type { InputSpec, Provenance } from "./directory.js";
import { IMAGENET_IDS } from "./imagenet.js";
import { type OnnxNetwork, onnxGraph, onnxPixelGraph, ownResolution } from "./onnx-network.js";
import { IMAGENET_NORMALIZATION, type Normalization } from "./preprocess.js";

/** What a model is beside its network and weights. */
interface Spec {
  readonly classes: readonly string[];
  readonly input: InputSpec;
  readonly provenance: readonly Provenance[];
}

/** Outputs of networks that were trained with a class for the background before ImageNet's 1,000. */
const WITH_BACKGROUND = 1001;

/**
 * What an ONNX file's model is: as given, or as its graph shows, with notes of what had to be assumed.
 * @throws {DataError} where the given classes are not as many as the outputs
 */
export function specOf(
  network: OnnxNetwork,
  tensors: ReadonlyMap<string, Tensor>,
  from: string,
  given?: Spec,
): Spec & { notes: readonly string[] } {
  const outputs = outputsOf(network);
  if (given !== undefined) {
    if (given.classes.length === outputs) return { ...given, notes: [] };
    throw new DataError(`"${from}" has ${outputs} outputs, but ${given.classes.length} class names.`);
  }
  const inside = insideNormalization(network, tensors);
  const { mean, std } = outerNormalization(network, inside);
  const [classes, unnamed] = classNames(outputs);
  const notes = [
    ...(inside === null
      ? []
      : [
          `normalisation is inside the network (${inside.summary}): pictures go in as ${inside.range}, and are not normalised again`,
        ]),
    ...(inside !== null || network.input.type === "uint8"
      ? []
      : [
          "the file does not say how pictures are normalised; ImageNet's mean and standard deviation are assumed (--mean, --std)",
        ]),
    ...(unnamed ? [`the file does not name its ${outputs} classes; they are called by their number`] : []),
  ];
  const input: InputSpec = {
    resolution: ownResolution(network),
    cropRatio: 224 / 256,
    interpolation: "bilinear",
    cropMode: "center",
    mean: [...mean],
    std: [...std],
  };
  const provenance: Provenance[] = [{ what: "imported", from, ...(unnamed ? { unnamed } : {}) }];
  return { classes, input, provenance, notes };
}

function outputsOf(network: OnnxNetwork): number {
  const size = { resolution: ownResolution(network), batch: network.input.batch ?? 1 };
  return onnxPixelGraph(network, IMAGENET_NORMALIZATION, size).outputs.logits!.shape[1]!;
}

function classNames(count: number): [names: readonly string[], unnamed: boolean] {
  if (count === IMAGENET_IDS.length) return [IMAGENET_IDS, false];
  if (count === WITH_BACKGROUND) return [["background", ...IMAGENET_IDS], false];
  return [Array.from({ length: count }, (_, i) => String(i)), true];
}

/** What a network does to its pictures before its first layer: (x - mean) / std, in units of its own input. */
export interface InsideNormalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The values that pictures go in with. */
  readonly range: "0..1" | "0..255";
  readonly summary: string;
}

/** The normalisation before a network, given what it does itself. */
function outerNormalization({ input }: OnnxNetwork, inside: InsideNormalization | null): Normalization {
  if (input.type === "uint8") return { mean: [0, 0, 0], std: [1, 1, 1] };
  if (inside === null) return IMAGENET_NORMALIZATION;
  const scale = inside.range === "0..1" ? 1 : 1 / 255;
  return { mean: [0, 0, 0], std: [scale, scale, scale] };
}

/** Normalisation by constants, a number each or one a channel, between a network's input and its first layer; null without. */
export function insideNormalization(
  network: OnnxNetwork,
  tensors: ReadonlyMap<string, Tensor>,
): InsideNormalization | null {
  const { graph } = onnxGraph(network, { resolution: ownResolution(network), batch: network.input.batch ?? 1 });
  const uses = usesOf(nodesFor(Object.values(graph.outputs)));
  let value: Value = graph.inputs[0]!;
  /** y = factor x + shift, a channel each. */
  let [factor, shift] = [
    [1, 1, 1],
    [0, 0, 0],
  ];
  let steps = 0;
  for (;;) {
    const [node, another] = uses.get(value) ?? [];
    if (node === undefined || another !== undefined) break;
    const moved = PASSED.has(node.op) ? { factor, shift } : affine(node, value, factor, shift, tensors);
    if (moved === null) break;
    if (!PASSED.has(node.op)) steps++;
    ({ factor, shift } = moved);
    value = node.outputs[0]!;
  }
  if (steps === 0 || factor.some((f) => f === 0)) return null;
  const mean = shift.map((s, c) => -s / factor[c]!);
  const std = factor.map((f) => 1 / f);
  const range = Math.max(...mean.map(Math.abs), ...std.map(Math.abs)) > 3 ? "0..255" : "0..1";
  const shown = (values: readonly number[]): string => values.map((v) => Number(v.toPrecision(4))).join(" ");
  return { mean, std, range, summary: `mean ${shown(mean)}, std ${shown(std)}` };
}

/** The nodes that use each value. */
function usesOf(nodes: readonly Node[]): ReadonlyMap<Value | null, readonly Node[]> {
  const uses = new Map<Value | null, Node[]>();
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) {
      const known = uses.get(input);
      if (known === undefined) uses.set(input, [node]);
      else known.push(node);
    }
  }
  return uses;
}

const PASSED: ReadonlySet<string> = new Set(["Cast", "Identity", "Transpose"]);

/** A node that adds to its input, or multiplies it, as y = factor x + shift; null for any other. */
function affine(
  { op, inputs }: Node,
  x: Value,
  factor: readonly number[],
  shift: readonly number[],
  tensors: ReadonlyMap<string, Tensor>,
): { factor: number[]; shift: number[] } | null {
  const first = inputs[0] === x;
  const other = inputs[first ? 1 : 0];
  if (inputs.length !== 2 || !other || !(first || op === "Add" || op === "Mul")) return null;
  const data = constantData(other) ?? tensors.get(other.name)?.data;
  if (data === undefined || data === null || (data.length !== 1 && data.length !== 3)) return null;
  const by = [0, 1, 2].map((c) => Number(data[data.length === 1 ? 0 : c]));
  switch (op) {
    case "Add":
      return { factor: [...factor], shift: shift.map((s, c) => s + by[c]!) };
    case "Sub":
      return { factor: [...factor], shift: shift.map((s, c) => s - by[c]!) };
    case "Mul":
      return { factor: factor.map((f, c) => f * by[c]!), shift: shift.map((s, c) => s * by[c]!) };
    case "Div":
      return { factor: factor.map((f, c) => f / by[c]!), shift: shift.map((s, c) => s / by[c]!) };
    default:
      return null;
  }
}
