import { type EfficientNet, efficientnet, isTrainable, normalized, parametersOf } from "../models/index.js";
import { GraphBuilder } from "../onnx/index.js";
import { frozenParts, layerFactor, partOfNetwork } from "./groups.js";
import { optimizerOf, type TrainOptions } from "./options.js";
import { type StepGraph, stepGraph } from "./step.js";
import { rowsOfStep } from "./student/options.js";

/** What a step depends on besides the run's options. */
export interface TrainingStepOptions {
  /** How BatchNorm is written; CUDA's kernel refuses training mode (microsoft/onnxruntime#16867). `operator` unless given. */
  readonly batchNorm?: "operator" | "primitive";
  /** Other than the options' own, where the run goes through several. */
  readonly resolution?: number;
  /** Whether pictures have a second label, fed as `otherLabels`, and `share`, the first one's part. */
  readonly mixed?: boolean;
  /** A factor a class in the loss; none unless given. */
  readonly classWeights?: readonly number[];
}

/**
 * The step graph of a model at a resolution, from pixels as bytes. Of a student (`unlabelledRatio`) it takes `targets` too, float32
 * [rows, classes], for labelled pictures and others alike.
 */
export function trainingStep(
  { arch, classes, input, tensors }: Pick<EfficientNet, "arch" | "classes" | "input" | "tensors">,
  options: TrainOptions,
  { batchNorm = "operator", resolution = options.resolution, mixed = false, classWeights }: TrainingStepOptions = {},
): StepGraph {
  const b = new GraphBuilder();
  const batchSize = rowsOfStep(options);
  const taught = batchSize > options.batchSize;
  const { dropout, dropPath, labelSmoothing, statDecay, accumulate } = options;
  const pixels = b.input("pixels", "uint8", [batchSize, resolution, resolution, 3]);
  const labels = b.input("labels", "int32", [batchSize]);
  const frozen = frozenParts(arch, options.freeze);
  const isFrozen = (name: string): boolean => frozen.has(partOfNetwork(name));
  const network = efficientnet(b, normalized(b, pixels, input), arch, {
    classes: classes.length,
    training: {
      batchStatistics: (layer) => !isFrozen(layer),
      dropout,
      dropPath,
      skips: (block) => !isFrozen(block),
      batchNorm,
    },
  });
  const ranks = new Map(parametersOf(arch, classes.length).map(({ name, shape }) => [name, shape.length]));
  return stepGraph(b, network, [pixels], labels, (name) => tensors.get(name)!.data, {
    optimizer: optimizerOf(options),
    labelSmoothing,
    statDecay,
    accumulate,
    trainable: (name) => isTrainable(name) && !isFrozen(name),
    decays: (name) => ranks.get(name)! > 1,
    rateFactor: layerFactor(arch, options.layerDecay),
    clipNorm: options.clipNorm === 0 ? undefined : options.clipNorm,
    average: options.averageDecay === 0 ? undefined : { decay: options.averageDecay },
    // Where a teacher has labelled pictures, their distributions are mixed before they come here.
    targets: taught ? b.input("targets", "float32", [batchSize, classes.length]) : undefined,
    mix:
      mixed && !taught
        ? {
            otherLabels: b.input("otherLabels", "int32", [batchSize]),
            share: b.input("share", "float32", [batchSize]),
          }
        : undefined,
    classWeights,
  });
}
