import type { OnBadImage, Source, TestPreprocessing } from "../data/index.js";
import { RequestError } from "../errors.js";
import type { TuneModeName } from "./modes.js";

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
  seed: 0,
  onBadImage: "fail",
};

/** @throws {RequestError} for options that cannot be, alone or with so many pictures */
export function checkOptions({ epochs, batchSize, baseLearningRate }: TuneOptions, { samples }: Source): void {
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
}
