/**
 * What a run has found, for figures and pages. In: a run's folder. Out: accuracies by test resolution, what the rows of its
 * evaluations come to, how large objects look, and thumbnails of the pictures that are worth a look.
 *
 * @module
 */
export { type AccuracyAt, accuraciesOf } from "./accuracies.js";
export {
  CELL_PICTURES,
  type DrawnCell,
  type EvaluationFindings,
  evaluationFindings,
  type PictureResult,
} from "./evaluation.js";
export {
  type FindingsOptions,
  mainEvaluation,
  NO_ROWS,
  protocolOfRun,
  type RunFindings,
  runFindings,
} from "./findings.js";
export type { Thumbnails } from "./pictures.js";
export type { ObjectSizes } from "./sizes.js";
