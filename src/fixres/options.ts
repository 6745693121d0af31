import type { OnBadImage, Source, TestPreprocessing } from "../data/index.js";
import { RequestError } from "../errors.js";
import { type Model, possibleBatch } from "../models/index.js";
import type { TuneModeName } from "./modes.js";
import type { FeatureType } from "./top.js";

/** By which pictures an epoch is chosen: none, which takes the last; a part of the training set; the validation set itself. */
export const SELECT_ON = ["none", "holdout", "val"] as const;
export type SelectOn = (typeof SELECT_ON)[number];

export interface TuneOptions {
  readonly mode: TuneModeName;
  /** The test's preprocessing, which training uses too. */
  readonly preprocessing: TestPreprocessing;
  readonly epochs: number;
  readonly batchSize: number;
  /** b in the learning rate 8 b batch / 512. */
  readonly baseLearningRate: number;
  /** Epochs after which the rate falls to a tenth. */
  readonly decayEpochs: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly labelSmoothing: number;
  /** What the features of training pictures are kept as. */
  readonly cacheType: FeatureType;
  /** What chooses the epoch. With `val`, the result says that it is optimistic. */
  readonly selectOn: SelectOn;
  /** Share of the training pictures that choose, where they do; of each class as many. */
  readonly holdout: number;
  readonly seed: number;
  readonly onBadImage: OnBadImage;
}

/** The authors' first recipe with FixEfficientNet's label smoothing (DESIGN.md, section 6); few epochs, as they cost little. */
export const TUNE_DEFAULTS: Omit<TuneOptions, "preprocessing"> = {
  mode: "classifier+bn",
  epochs: 30,
  batchSize: 32,
  baseLearningRate: 1e-3,
  decayEpochs: 30,
  momentum: 0.9,
  weightDecay: 1e-4,
  labelSmoothing: 0.1,
  cacheType: "float16",
  selectOn: "none",
  holdout: 0.1,
  seed: 0,
  onBadImage: "fail",
};

/** @throws {RequestError} for options that cannot be, alone or with so many pictures */
export function checkOptions(options: TuneOptions, { samples }: Source): void {
  const { epochs, batchSize, baseLearningRate, selectOn, holdout } = options;
  if (!(Number.isInteger(epochs) && epochs >= 1))
    throw new RequestError(`epochs is ${epochs}; give a whole number of 1 or more.`);
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new RequestError(`the batch size is ${batchSize}; give a whole number of 1 or more.`);
  if (batchSize > samples.length) {
    throw new RequestError(
      `a batch of ${batchSize} is more than the ${samples.length} training pictures; choose at most that.`,
    );
  }
  if (!(baseLearningRate > 0 && Number.isFinite(baseLearningRate)))
    throw new RequestError(`the base learning rate is ${baseLearningRate}; it must be above 0, such as 0.001.`);
  if (!SELECT_ON.includes(selectOn))
    throw new RequestError(`an epoch is chosen on "${selectOn}"; give one of ${SELECT_ON.join(", ")}.`);
  if (selectOn === "holdout" && !(holdout > 0 && holdout < 1))
    throw new RequestError(`the holdout is ${holdout}; give a share between 0 and 1, such as 0.1.`);
}

/** @throws {RequestError} where the network takes no batches of that size */
export function checkBatch(model: Model, { batchSize, preprocessing }: TuneOptions): void {
  const possible = possibleBatch(model, { resolution: preprocessing.resolution, batch: batchSize });
  if (possible === batchSize) return;
  throw new RequestError(
    `${model.arch.name} takes ${possible} pictures at a time, which its file has written out; export it with a free batch size, or give --batch-size ${possible}.`,
  );
}
