import { efficientnetTop, inferenceGraph, isTrainable, type Model } from "../models/index.js";
import { foldBatchNorms, GraphBuilder, type Shape } from "../onnx/index.js";
import { type Program, packed } from "../runtime/index.js";
import { type Optimizer, type StepGraph, stepGraph } from "../train/index.js";
import type { TuneMode } from "./modes.js";

/** A network in two: the frozen part as an inference program, and the shape of what it hands up. */
export interface Trunk {
  readonly program: Program;
  /** Of one picture's features at the cut. */
  readonly featureShape: Shape;
}

/** Name of the value at the cut, in all three graphs. */
export const FEATURES = "features";

/** The frozen part: from pixels to the features at the cut, with the BatchNorms folded into the convolutions. */
export function trunkOf(model: Model, { cut }: TuneMode, size: { resolution: number; batch: number }): Trunk {
  const { graph, network } = inferenceGraph(model, size);
  const value = network[cut];
  const trunk = { ...graph, name: "trunk", outputs: { [FEATURES]: value } };
  const folded = foldBatchNorms(trunk, ({ name }) => model.tensors.get(name)!.data);
  return { program: packed(folded.graph, folded.data), featureShape: value.shape.slice(1) };
}

/** The part above the cut in inference mode, from features to `logits`. */
export function topProgram(
  { arch, classes, tensors }: Model,
  { cut }: TuneMode,
  featureShape: Shape,
  batch: number,
): Program {
  const b = new GraphBuilder();
  const features = b.input(FEATURES, "float32", [batch, ...featureShape]);
  const { logits } = efficientnetTop(b, cut, features, arch, { classes: classes.length });
  return packed({ name: "top", inputs: [features], outputs: { logits } }, ({ name }) => tensors.get(name)!.data);
}

/** A training step of the part above the cut: what the mode trains, nothing else has a gradient. */
export function topStep(
  { arch, classes, tensors }: Pick<Model, "arch" | "classes" | "tensors">,
  { cut, trains, batchStatistics }: TuneMode,
  featureShape: Shape,
  { batch, optimizer, labelSmoothing }: { batch: number; optimizer: Optimizer; labelSmoothing: number },
): StepGraph {
  const b = new GraphBuilder();
  const features = b.input(FEATURES, "float32", [batch, ...featureShape]);
  const labels = b.input("labels", "int32", [batch]);
  const top = efficientnetTop(b, cut, features, arch, {
    classes: classes.length,
    training: { batchStatistics: (layer) => batchStatistics && layer === "bn2", dropout: 0, dropPath: 0 },
  });
  return stepGraph(b, top, [features], labels, (name) => tensors.get(name)!.data, {
    optimizer,
    labelSmoothing,
    trainable: (name) => trains.test(name) && isTrainable(name),
  });
}
