import {
  type EfficientNet,
  efficientnet,
  isTrainable,
  parametersOf,
  planes,
  standardized,
  type TrainingBehaviour,
} from "../models/index.js";
import { GraphBuilder, type Value } from "../onnx/index.js";
import { channelBlock, type Device } from "../runtime/index.js";
import { adversarialPass, auxiliaryName, mainName, sharedParameters } from "./adversarial/index.js";
import { frozenParts, layerFactor, partOfNetwork } from "./groups.js";
import { crossEntropy, type LossOptions } from "./loss.js";
import { attackOf, optimizerOf, type TrainOptions } from "./options.js";
import { type StepGraph, stepGraph } from "./step.js";
import { rowsOfStep } from "./student/options.js";

/** What a step depends on besides the run's options. */
export interface TrainingStepOptions {
  /** How BatchNorm is written; CUDA's kernel refuses training mode (microsoft/onnxruntime#16867). `operator` unless given. */
  readonly batchNorm?: "operator" | "primitive";
  /** Channels a block of the engine's own layout, where the step is for that engine's CPU alone (`channelBlock`). */
  readonly block?: number | null;
  /** Other than the options' own, where the run goes through several. */
  readonly resolution?: number;
  /** Whether pictures have a second label, fed as `otherLabels`, and `share`, the first one's part. */
  readonly mixed?: boolean;
  /** Parts whose activations are computed again for the gradients: `stem`, `blocks.2.1`, `head`; none unless given. */
  readonly recompute?: (part: string) => boolean;
  /** A factor a class in the loss; none unless given. */
  readonly classWeights?: readonly number[];
}

/** How a step is written for the hardware that it runs on. */
export const stepForm = async (device: Device = "cpu"): Promise<Pick<TrainingStepOptions, "batchNorm" | "block">> =>
  device === "cpu" ? { batchNorm: "operator", block: await channelBlock() } : { batchNorm: "primitive" };

/**
 * The step graph of a model at a resolution, from pixels as bytes. Of a student (`unlabelledRatio`) it takes `targets` too, float32
 * [rows, classes], for labelled pictures and others alike.
 */
export function trainingStep(
  { arch, classes, input, tensors }: Pick<EfficientNet, "arch" | "classes" | "input" | "tensors">,
  options: TrainOptions,
  {
    batchNorm = "operator",
    block = null,
    resolution = options.resolution,
    mixed = false,
    classWeights,
    recompute,
  }: TrainingStepOptions = {},
): StepGraph {
  const batchSize = rowsOfStep(options);
  const taught = batchSize > options.batchSize;
  const { dropout, dropPath, labelSmoothing, statDecay, accumulate, precision } = options;
  // The engine's own layout is one of float32 alone.
  const b = new GraphBuilder([], precision === "mixed" ? null : block);
  const pixels = b.input("pixels", "uint8", [batchSize, resolution, resolution, 3]);
  const labels = b.input("labels", "int32", [batchSize]);
  const frozen = frozenParts(arch, options.freeze);
  const isFrozen = (name: string): boolean => frozen.has(partOfNetwork(name));
  const training: TrainingBehaviour = {
    batchStatistics: (layer) => !isFrozen(layer),
    dropout,
    dropPath,
    skips: (block) => !isFrozen(block),
    batchNorm,
    precision,
  };
  const parameter = sharedParameters(b);
  const network = (x: Value, behaviour: TrainingBehaviour, named = (name: string): string => name) =>
    efficientnet(b, standardized(b, x, input), arch, {
      classes: classes.length,
      training: behaviour,
      parameter: (name, shape) => parameter(named(name), shape),
    });
  const x = planes(b, pixels);
  const clean = network(x, training);
  const wanted: LossOptions = {
    classWeights,
    // Where a teacher has labelled pictures, their distributions are mixed before they come here.
    targets: taught ? b.input("targets", "float32", [batchSize, classes.length]) : undefined,
    mix:
      mixed && !taught
        ? {
            otherLabels: b.input("otherLabels", "int32", [batchSize]),
            share: b.input("share", "float32", [batchSize]),
          }
        : undefined,
  };
  const attack = attackOf(options);
  const auxiliary =
    attack &&
    adversarialPass(b, x, {
      attack,
      training,
      // A frozen part has one BatchNorm for all pictures.
      network: (moved, behaviour) => network(moved, behaviour, (name) => (isFrozen(name) ? name : auxiliaryName(name))),
      loss: (logits) => crossEntropy(b, logits, labels, labelSmoothing, wanted),
      recompute,
    });
  const ranks = new Map(parametersOf(arch, classes.length).map(({ name, shape }) => [name, shape.length]));
  return stepGraph(b, clean, [pixels], labels, (name) => tensors.get(mainName(name))!.data, {
    optimizer: optimizerOf(options),
    labelSmoothing,
    statDecay,
    accumulate,
    scaleLoss: precision === "mixed",
    trainable: (name) => isTrainable(name) && !isFrozen(name),
    decays: (name) => ranks.get(mainName(name))! > 1,
    rateFactor: layerFactor(arch, options.layerDecay),
    clipNorm: options.clipNorm === 0 ? undefined : options.clipNorm,
    average: options.averageDecay === 0 ? undefined : { decay: options.averageDecay },
    ...wanted,
    auxiliary,
    recompute,
  });
}
