/**
 * The method: a trained classifier is tested at a higher resolution than it was trained at, and its last layers are tuned
 * there with the test's preprocessing. In: a model and labelled pictures. Out: a tuned model and what that gained. Papers:
 * arXiv 1906.06423 (FixRes), 2003.08237 (FixEfficientNet).
 *
 * @module
 */

export type { ActivationStatistics, Shift } from "./activations.js";
export { type ApparentSizes, apparentSizes, type Spread, type TrainCrops } from "./apparent.js";
export { type CacheEntry, cacheEntries, cacheFolder, clearCache, removeEntries } from "./cache/index.js";
export { type Candidate, type Choice, choose, type Limits } from "./choose.js";
export { type DiagnoseOptions, type Diagnosis, type DiagnosisRow, diagnose, trainedResolution } from "./diagnose.js";
export type { Estimate, EstimatedMemory, EstimatedSeconds } from "./estimate.js";
export { CACHE_DEFAULTS, CACHE_WHERE, type CacheOptions, type CacheWhere } from "./features.js";
export { type Cost, costOf } from "./latency.js";
export { TUNE_MODE_FORMS, TUNE_MODES, type TuneMode, type TuneModeName, tuneMode } from "./modes.js";
export {
  SELECT_ON,
  type SelectOn,
  SOLVERS,
  type Solver,
  TUNE_DEFAULTS,
  type TuneOptions,
  tuneDefaults,
} from "./options.js";
export { MEASURE_SECONDS, type Plan, type PlannedTransform, type PlanSurroundings, plan, type Total } from "./plan.js";
export type { Fate, PlannedFeatures, PlannedNorm, PlannedTensor, PlannedTrunk } from "./planned.js";
export { PRESETS, type Preset, preset } from "./presets.js";
export { RECIPE_NAMES, RECIPES, type Recipe, type RecipeName, recipe } from "./recipes.js";
export {
  type ReproduceData,
  type ReproducedGain,
  type ReproducedRow,
  type ReproduceOptions,
  type ReproduceSurroundings,
  type Reproduction,
  reproduce,
  STEPS,
  type Step,
} from "./reproduce.js";
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
export {
  type Division,
  divided,
  FEATURES,
  type Feature,
  type FeatureType,
  topProgram,
  topStep,
  trunkProgram,
} from "./top.js";
export { type TuneResult, type TuneSurroundings, tune } from "./tune.js";
export type { Selection, TuneEvent } from "./tuning.js";
