/**
 * How good a classifier is, and how sure that is. In: a model and a labelled source, or logits. Out: single-crop top-1, top-5,
 * loss and calibration with intervals, where they are lost, and paired comparisons. Definitions: docs/EVALUATION.md.
 *
 * @module
 */
export type { Guess } from "../classifier.js";
export {
  BOOTSTRAP_DEFAULTS,
  type BootstrapOptions,
  type Difference,
  type Outcomes,
  pairedBootstrap,
} from "./bootstrap.js";
export { CALIBRATION_BINS, type Calibration, type CalibrationBin, calibration } from "./calibration.js";
export { type ComparedPair, type CompareOptions, type Comparison, compare, holm, type MeasuredRow } from "./compare.js";
export { aheadOf, batchOf, type ComputingOptions, openComputing, sessionsOf } from "./computing.js";
export {
  type ClassScore,
  type ConfusedPair,
  type Confusion,
  type ConfusionCell,
  confusion,
  type MacroScore,
} from "./confusion.js";
export type { Details, Scored, WorstPicture } from "./details.js";
export {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  openScoring,
  type ScoreLog,
  type ScoreWork,
  scorePictures,
} from "./evaluate.js";
export {
  type Extracted,
  type Extraction,
  type ExtractWork,
  extract,
  extractPictures,
  openExtracting,
  softmaxOf,
} from "./extract.js";
export { type Scores, scoreLogits, type Truth } from "./metrics.js";
export { type Prediction, predict } from "./predict.js";
export { describePreprocessing, testPreprocessing } from "./preprocessing.js";
export { notesOn, protocolOf } from "./protocol.js";
export { PROTOCOLS, type Protocol, type PublishedRow, publishedResults } from "./published.js";
export { type Labelled, type RealLabels, readRealLabels, underRealLabels } from "./real.js";
export {
  type EvaluationRecord,
  evaluateInto,
  evaluateRecord,
  headDifferences,
  isRecord,
  type OpenRecord,
  openRecord,
  openTable,
  RecordHead,
  type Row,
  readRecord,
  recordHead,
  saveRecord,
  type Table,
  type TableForm,
  writeRows,
  writeTable,
} from "./records/index.js";
export { type Rescored, rescored, scoresOf } from "./rescore.js";
export { type ScoredFile, type ScoreOptions, scoreFile } from "./score.js";
export { type Interval, mcnemar, type PairedGain, pairedGain, wilson } from "./statistics.js";
export { type Accuracy, type Tally, tally } from "./tally.js";
