import { z } from "zod";
import { ON_BAD_IMAGE, SAMPLINGS } from "../data/index.js";
import { RequestError } from "../errors.js";
import { OPTIMIZERS, type Optimizer, optimizer } from "./optimizers.js";
import { checkPictures } from "./pictures.js";
import { checkSchedule, SCHEDULES } from "./schedule.js";
import { STAT_DECAY } from "./step.js";
import { BALANCES } from "./student/choose.js";
import { PSEUDO_LABELS } from "./student/options.js";

/** Metrics of the validation that can choose epochs. */
export const METRICS = ["top1", "top5", "loss"] as const;
export type Metric = (typeof METRICS)[number];

export const CLASS_WEIGHTS = ["none", "balanced"] as const;

/**
 * Everything that decides what a run computes, resolved; it is kept with the run as `options.json`, and a run goes on only
 * under the same ones.
 */
export const TrainOptions = z.strictObject({
  /** Height and width of the training crops, px. */
  resolution: z.number().int().min(16).max(2048),
  /** One of `FILTERS`, or `random`: bilinear or bicubic, drawn for each picture. */
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
  /** RMSProp: weight of the old square average. */
  squareDecay: z.number().min(0).lt(1).default(0.9),
  /** Added to the deviation that gradients are divided by; the optimizer's own if 0. */
  epsilon: z.number().min(0).default(0),
  /** Weight of the old running statistics of BatchNorm. */
  statDecay: z.number().min(0).lt(1).default(STAT_DECAY),
  /** Weight of the old moving average of the weights; none is kept if 0. */
  averageDecay: z.number().min(0).lt(1).default(0),
  /** The largest norm of all gradients together; no bound if 0. */
  clipNorm: z.number().min(0).default(0),
  /** Batches whose mean gradient makes one update. */
  accumulate: z.number().int().min(1).max(1024).default(1),
  /** Parts that stay as they are: `stem`, `blocks.0-3`, `blocks.2.1`, `head`. */
  freeze: z.array(z.string()).default([]),
  /** What the learning rate is multiplied by from each part to the one before it. */
  layerDecay: z.number().gt(0).max(1).default(1),
  /** How much a class counts in the loss: all alike, or in inverse proportion to its pictures. */
  classWeights: z.enum(CLASS_WEIGHTS).default("none"),
  /** Which pictures an epoch takes: each once, each class as often as the others, or a third of them three times. */
  sampling: z.enum(SAMPLINGS).default("shuffled"),
  /** What chooses epochs: the best, those that are kept, and when to stop. */
  metric: z.enum(METRICS).default("top1"),
  /** Epochs without a better one after which the run ends; it never does if 0. */
  patience: z.number().int().min(0).default(0),
  /** Models of the best epochs to keep, besides `best` and the last. */
  keep: z.number().int().min(0).max(1000).default(0),
  /** Resolutions before the last one, px; the epochs are divided evenly. */
  earlierResolutions: z.array(z.number().int().min(16).max(2048)).default([]),
  /** An augmentation by its name, such as `rand-m9-n2-mstd0.5` (docs/AUGMENTATION.md); none if empty or `none`. */
  augment: z
    .string()
    .overwrite((name) => (name === "none" ? "" : name))
    .default(""),
  /** How far brightness, contrast and saturation may go, such as 0.4; none if 0. */
  colorJitter: z.number().default(0),
  /** Probability of erasing a part. */
  erasing: z.number().default(0),
  /** Alpha of mixup and that of CutMix; none of it if 0. */
  mixup: z.number().default(0),
  cutmix: z.number().default(0),
  /** Of mixing a batch, where either is on. */
  mixProbability: z.number().default(1),
  /** Probability of CutMix where both are. */
  mixSwitch: z.number().default(0.5),
  /** Noisy Student: pictures that a teacher labelled, for each labelled one of a batch; none if 0, and the next four then say nothing. */
  unlabelledRatio: z.number().min(0).max(1000).default(0),
  /** A picture's likeliest class must have a probability above it. */
  threshold: z.number().min(0).lt(1).default(0.3),
  /** What the student is to give: the teacher's probabilities, or its likeliest class. */
  pseudoLabels: z.enum(PSEUDO_LABELS).default("soft"),
  /** How classes get as many pictures as one another: by dropping the least confident, repeating, both, or not at all. */
  balance: z.enum(BALANCES).default("both"),
  /** How many that is; the mean of those that passed if 0. */
  perClass: z.number().int().min(0).default(0),
});
export type TrainOptions = z.infer<typeof TrainOptions>;

/**
 * Where no recipe says otherwise: SGD with momentum under a cosine, one epoch of warm-up in ten at most five, the paper's label
 * smoothing and drop path (arXiv 1905.11946, section 5.2), and torchvision's crops.
 */
export function defaultTrainOptions({ resolution, dropout }: { resolution: number; dropout: number }): TrainOptions {
  return TrainOptions.parse({
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
  } satisfies z.input<typeof TrainOptions>);
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
  checkPictures(result.data);
  return result.data;
}

export const optimizerOf = ({
  optimizer: name,
  momentum,
  weightDecay,
  squareDecay,
  epsilon,
}: TrainOptions): Optimizer =>
  optimizer(name, { momentum, weightDecay, decay: squareDecay, ...(epsilon > 0 ? { epsilon } : {}) });
