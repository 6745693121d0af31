/**
 * The method: a trained classifier is tested at a higher resolution than it was trained at, and its last layers are tuned
 * there with the test's preprocessing. In: a model and labelled pictures. Out: a tuned model and what that gained. Papers:
 * arXiv 1906.06423 (FixRes), 2003.08237 (FixEfficientNet).
 *
 * @module
 */
export { TUNE_MODE_FORMS, TUNE_MODES, type TuneMode, type TuneModeName, tuneMode } from "./modes.js";
export { TUNE_DEFAULTS, type TuneOptions } from "./options.js";
export {
  CHUNK_ROWS,
  type HeldOutScore,
  type LinearClassifier,
  memoryRows,
  minimize,
  type RowChunk,
  type Rows,
  SOLVE_DEFAULTS,
  type SolveOptions,
  type SolveReport,
  type SolveStep,
  STRENGTHS,
  solveClassifier,
} from "./solver/index.js";
export { type SweepOptions, type SweepRow, sweep } from "./sweep.js";
export { type Division, divided, FEATURES, type Feature, topProgram, topStep, trunkProgram } from "./top.js";
export { type TuneResult, type TuneSurroundings, tune } from "./tune.js";
