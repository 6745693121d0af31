/**
 * fixres: FixRes and FixEfficientNet for TypeScript. Each room of the library has an entry of its own (`fixres/models`,
 * `fixres/train`, ...); this one gathers what most programs need.
 *
 * @module
 */
export { openFolder, openSplit, openSplits, type Source, type Splits, type TestPreprocessing } from "./data/index.js";
export { DataError, FailedError, FixresError, RequestError, ShapeError, UnsupportedOperatorError } from "./errors.js";
export {
  type Accuracy,
  compare,
  type Evaluation,
  evaluate,
  evaluateInto,
  pairedGain,
  predict,
  readRecord,
  testPreprocessing,
} from "./evaluate/index.js";
export {
  choose,
  diagnose,
  type Plan,
  plan,
  reproduce,
  sweep,
  TUNE_DEFAULTS,
  tune,
  tuneDefaults,
} from "./fixres/index.js";
export { architecture, freshModel, loadModel, type Model, saveModel } from "./models/index.js";
export { type Progress, silent, type Task } from "./progress.js";
export { defaultTrainOptions, type TrainOptions, train } from "./train/index.js";
