/**
 * How good a classifier is, and how sure that is. In: a model and a labelled source, or logits. Out: single-crop top-1, top-5
 * and loss with intervals, and paired comparisons.
 *
 * @module
 */
export type { Guess } from "../classifier.js";
export { type EvaluateOptions, type Evaluation, evaluate } from "./evaluate.js";
export { type Accuracy, type Scores, scoreLogits, type Tally, tally } from "./metrics.js";
export { type Prediction, predict } from "./predict.js";
export { describePreprocessing, testPreprocessing } from "./preprocessing.js";
export { type Interval, mcnemar, type PairedGain, pairedGain, wilson } from "./statistics.js";
