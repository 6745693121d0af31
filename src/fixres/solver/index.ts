/**
 * The optimum of a linear classifier over kept features, by L-BFGS over all of them. In: rows of features with their classes, and the
 * classifier to start from. Out: the classifier of the least loss, its L2 strength chosen by held-out rows. docs/SOLVER.md has the
 * objective and what was measured.
 *
 * @module
 */
export { transposed } from "./factor.js";
export { type MinimizeOptions, type Minimum, minimize, type StopReason, type ValueAndGradient } from "./lbfgs.js";
export { CHUNK_ROWS, memoryRows, type RowChunk, type Rows } from "./rows.js";
export {
  type LinearClassifier,
  SOLVE_DEFAULTS,
  type SolveOptions,
  type SolveReport,
  type SolveStep,
  solveClassifier,
} from "./solve.js";
export { type HeldOutScore, STRENGTHS } from "./strength.js";
