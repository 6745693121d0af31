import { RequestError } from "../errors.js";
import { type Graph, GraphBuilder, type Value } from "../onnx/index.js";
import { type Program, packed } from "../runtime/index.js";
import type { Model } from "./directory.js";
import { efficientnet, type Network } from "./efficientnet.js";
import { normalized } from "./preprocess.js";

/** A network from pictures as bytes, in inference mode. */
export interface InferenceGraph {
  readonly b: GraphBuilder;
  /** uint8 [batch, resolution, resolution, 3]. */
  readonly pixels: Value;
  readonly network: Network;
  readonly graph: Graph;
}

/**
 * The graph from pictures to `logits` [batch, classes], normalisation included.
 * @throws {RequestError} for a batch size that cannot be
 */
export function inferenceGraph(
  { arch, classes, input }: Pick<Model, "arch" | "classes" | "input">,
  { resolution, batch }: { readonly resolution: number; readonly batch: number },
): InferenceGraph {
  if (!(Number.isSafeInteger(batch) && batch >= 1))
    throw new RequestError(`the batch size is ${batch}; give a whole number of 1 or more.`);
  const b = new GraphBuilder();
  const pixels = b.input("pixels", "uint8", [batch, resolution, resolution, 3]);
  const network = efficientnet(b, normalized(b, pixels, input), arch, { classes: classes.length });
  return { b, pixels, network, graph: { name: arch.name, inputs: [pixels], outputs: { logits: network.logits } } };
}

/** The same as a program for a session, with the model's weights. */
export function inferenceProgram(model: Model, size: { readonly resolution: number; readonly batch: number }): Program {
  const { graph } = inferenceGraph(model, size);
  return packed(graph, ({ name }) => model.tensors.get(name)!.data);
}
