/**
 * The method: a trained classifier is tested at a higher resolution than it was trained at, and its last layers are tuned
 * there with the test's preprocessing. In: a model and labelled pictures. Out: a tuned model and what that gained. Papers:
 * arXiv 1906.06423 (FixRes), 2003.08237 (FixEfficientNet).
 *
 * @module
 */

export { type Candidate, type Choice, choose, type Limits } from "./choose.js";
export type { ActivationStatistics, Shift } from "./diagnosis/activations.js";
export { type ApparentSizes, apparentSizes, type Spread, type TrainCrops } from "./diagnosis/apparent.js";
export {
  type DiagnoseOptions,
  type Diagnosis,
  type DiagnosisRow,
  diagnose,
} from "./diagnosis/diagnose.js";
export { trainedResolution } from "./diagnosis/trained-resolution.js";
export { PRESETS, type Preset, preset } from "./experiment/presets.js";
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
} from "./experiment/reproduce.js";
export { type CacheEntry, cacheEntries, cacheFolder, clearCache, removeEntries } from "./features/directory.js";
export {
  CACHE_DEFAULTS,
  CACHE_WHERE,
  type CacheOptions,
  type CacheWhere,
  type FeatureOptions,
  type FeaturesElsewhere,
  type FeatureWork,
  type Shown,
} from "./features/features.js";
export { type FeatureRows, openTrunk, type Trunk, trunkRows } from "./features/trunk.js";
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
export type { Estimate, EstimatedMemory, EstimatedSeconds } from "./plan/estimate.js";
export {
  MEASURE_SECONDS,
  type Plan,
  type PlannedTransform,
  type PlanSurroundings,
  plan,
  type Total,
} from "./plan/plan.js";
export type { Fate, PlannedFeatures, PlannedNorm, PlannedTensor, PlannedTrunk } from "./plan/planned.js";
export { RECIPE_NAMES, RECIPES, type Recipe, type RecipeName, recipe } from "./recipes.js";
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
