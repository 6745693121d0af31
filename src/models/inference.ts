import { DataError, RequestError, ShapeError } from "../errors.js";
import { ARRAYS, elements, type Graph, GraphBuilder, nodesFor } from "../onnx/index.js";
import { efficientnet } from "./efficientnet.js";
import type { Model } from "./model.js";
import { isOnnxNetwork, onnxPixelGraph } from "./onnx-network.js";
import { normalized, type Size } from "./preprocess.js";

/**
 * The graph from pictures, uint8 `pixels` [batch, resolution, resolution, 3], to `logits` [batch, classes] in inference mode,
 * normalisation included.
 * @throws {RequestError} for a batch size that cannot be
 * @throws {ShapeError} for a resolution that a network from an ONNX file cannot take, naming the node
 */
export function inferenceGraph(
  { arch, classes, input }: Pick<Model, "arch" | "classes" | "input">,
  { resolution, batch }: Size,
): Graph {
  if (!(Number.isSafeInteger(batch) && batch >= 1))
    throw new RequestError(`the batch size is ${batch}; give a whole number of 1 or more.`);
  if (isOnnxNetwork(arch)) return onnxPixelGraph(arch, input, { resolution, batch });
  const b = new GraphBuilder();
  const pixels = b.input("pixels", "uint8", [batch, resolution, resolution, 3]);
  const { logits } = efficientnet(b, normalized(b, pixels, input), arch, { classes: classes.length });
  return { name: arch.name, inputs: [pixels], outputs: { logits } };
}

/**
 * How many pictures go in at a time: as many as wanted, or as a network from an ONNX file has written out where it takes no other
 * number.
 */
export function possibleBatch(model: Pick<Model, "arch" | "classes" | "input">, { resolution, batch }: Size): number {
  const { arch } = model;
  if (!isOnnxNetwork(arch) || arch.input.batch === null || arch.input.batch === batch) return batch;
  try {
    inferenceGraph(model, { resolution, batch });
    return batch;
  } catch (error) {
    if (!(error instanceof ShapeError || error instanceof DataError)) throw error;
    // Where this fails too, it is not for the number of pictures.
    inferenceGraph(model, { resolution, batch: arch.input.batch });
    return arch.input.batch;
  }
}

/** Pictures at a time, where nobody says how many. */
const USUAL_BATCH = 16;

/** What the largest value of a run may take, bytes; a run takes some three times as much. Past that a batch is no faster. */
const LARGEST_VALUE = 2 ** 28;

/** How many pictures go in at a time where nobody says: 16, or fewer of those that are very large inside the network. */
export function usualBatch(model: Pick<Model, "arch" | "classes" | "input">, resolution: number): number {
  const batch = isOnnxNetwork(model.arch) ? (model.arch.input.batch ?? 1) : 1;
  const { outputs } = inferenceGraph(model, { resolution, batch });
  const sizes = nodesFor(Object.values(outputs)).flatMap((node) =>
    node.outputs.map(({ type, shape }) => (elements(shape) * ARRAYS[type].BYTES_PER_ELEMENT) / batch),
  );
  return Math.min(USUAL_BATCH, Math.max(1, Math.floor(LARGEST_VALUE / sizes.reduce((a, b) => Math.max(a, b), 1))));
}

/** The values of a model's parameters. */
export const weightsOf =
  ({ tensors }: Pick<Model, "tensors">) =>
  ({ name }: { readonly name: string }) =>
    tensors.get(name)!.data;
