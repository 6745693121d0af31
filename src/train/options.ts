import { z } from "zod";
import { ON_BAD_IMAGE } from "../data/index.js";
import { RequestError } from "../errors.js";
import { OPTIMIZERS, type Optimizer, optimizer } from "./optimizers.js";
import { checkSchedule, SCHEDULES } from "./schedule.js";

/**
 * Everything that decides what a run computes, resolved; it is kept with the run as `options.json`, and a run goes on only
 * under the same ones.
 */
export const TrainOptions = z.strictObject({
  /** Height and width of the training crops, px. */
  resolution: z.number().int().min(16).max(2048),
  interpolation: z.string(),
  batchSize: z.number().int().min(1).max(4096),
  epochs: z.number().int().min(1).max(100_000),
  seed: z.number().int().min(0),
  optimizer: z.enum(OPTIMIZERS),
  momentum: z.number().min(0).max(1),
  /** On convolutions and the classifier's weight; norms and biases have none. */
  weightDecay: z.number().min(0),
  schedule: z.enum(SCHEDULES),
  learningRate: z.number(),
  warmupEpochs: z.number(),
  decayFactor: z.number().positive(),
  decayEpochs: z.number().positive(),
  labelSmoothing: z.number().min(0).lt(1),
  dropout: z.number().min(0).lt(1),
  dropPath: z.number().min(0).lt(1),
  /** Least share of a picture's area that a training crop takes (torchvision: 0.08). */
  minCropArea: z.number().gt(0).max(1),
  /** Probability of mirroring. */
  flip: z.number().min(0).max(1),
  onBadImage: z.enum(ON_BAD_IMAGE),
});
export type TrainOptions = z.infer<typeof TrainOptions>;

/**
 * Where no recipe says otherwise: SGD with momentum under a cosine, one epoch of warm-up in ten at most five, the paper's label
 * smoothing and drop path (arXiv 1905.11946, section 5.2), and torchvision's crops.
 */
export function defaultTrainOptions({ resolution, dropout }: { resolution: number; dropout: number }): TrainOptions {
  return {
    resolution,
    interpolation: "bicubic",
    batchSize: 64,
    epochs: 30,
    seed: 0,
    optimizer: "sgd",
    momentum: 0.9,
    weightDecay: 1e-5,
    schedule: "cosine",
    learningRate: 0.1,
    warmupEpochs: 1,
    decayFactor: 0.1,
    decayEpochs: 30,
    labelSmoothing: 0.1,
    dropout,
    dropPath: 0.2,
    minCropArea: 0.08,
    flip: 0.5,
    onBadImage: "fail",
  };
}

/** Checks options from outside. @throws {RequestError} naming the option, its value and what is allowed */
export function checkTrainOptions(options: TrainOptions): TrainOptions {
  const result = TrainOptions.safeParse(options);
  if (!result.success) {
    const [issue] = result.error.issues;
    const name = issue!.path.join(".");
    throw new RequestError(`${name} is ${JSON.stringify(options[name as keyof TrainOptions])}: ${issue!.message}.`);
  }
  checkSchedule({ ...options, name: options.schedule });
  return result.data;
}

export const optimizerOf = ({ optimizer: name, momentum, weightDecay }: TrainOptions): Optimizer =>
  optimizer(name, { momentum, weightDecay });
