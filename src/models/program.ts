import type { Graph } from "../onnx/index.js";
import { mapped, type Program, packed } from "../runtime/index.js";
import { inferenceGraph, weightsOf } from "./inference.js";
import type { Model } from "./model.js";
import type { Size } from "./preprocess.js";

/** A model in inference mode as a program for a session, with its weights. */
export const inferenceProgram = (model: Model, size: Size): Program => withWeights(inferenceGraph(model, size), model);

/** A graph as a program with a model's weights: from their file where they are still unread, else from memory. */
export function withWeights(graph: Graph, model: Model): Program {
  return mapped(graph, ({ name }) => model.tensors.get(name)!.place ?? null) ?? packed(graph, weightsOf(model));
}
