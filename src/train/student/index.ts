/**
 * Noisy Student (arXiv 1911.04252). In: a teacher, labelled pictures and unlabelled ones. Out: pseudo labels in a file, pictures chosen
 * and balanced by them, and students that learn by both under noise, round after round.
 *
 * @module
 */
export { BALANCES, type Balance, type Choice, type ChoiceOptions, choose } from "./choose.js";
export {
  contentOf,
  contentsOfSource,
  type LabelledBatch,
  type LabelOptions,
  labelled,
  type PseudoLabel,
  type Range,
} from "./label.js";
export {
  joinLabels,
  type LabelColumns,
  type LabelFile,
  type LabelHead,
  type LabelIntoOptions,
  labelInto,
  openLabels,
  readColumns,
  readProbabilities,
} from "./label-file.js";
export { type Lesson, lessonOf, type TrainingData } from "./lesson.js";
export { PSEUDO_LABELS, rowsOfStep } from "./options.js";
export {
  type RoundResult,
  type RoundsOptions,
  type RoundsResult,
  type TaughtSummary,
  trainStudents,
} from "./rounds.js";
export { type Taught, taughtBy } from "./taught.js";
