import { defaultTrainOptions, type TrainOptions, TUNE_DEFAULTS } from "fixres";

/** A narrow, shallow B0: small enough to be trained on two cores within minutes. */
export const NETWORK = { name: "efficientnet_b0", width: 0.5, depth: 0.5 } as const;

/** Training pictures of each class. */
export const TRAIN_PER_CLASS = 2000;

/** Side of the random resized crops. */
export const TRAIN_RESOLUTION = 32;

/** Test resolutions of both curves. */
export const SWEEP = [24, 32, 40, 48, 56, 64] as const;

export const TRAIN: TrainOptions = {
  ...defaultTrainOptions({ resolution: TRAIN_RESOLUTION, dropout: 0.1 }),
  epochs: 6,
  batchSize: 64,
  learningRate: 0.1,
  dropPath: 0,
};

export const TUNE = { ...TUNE_DEFAULTS, epochs: 10, batchSize: 64, baseLearningRate: 1e-3, decayEpochs: 5 } as const;
