/**
 * The method: a trained classifier is tested at a higher resolution than it was trained at, and its last layers are tuned
 * there with the test's preprocessing. In: a model and labelled pictures. Out: a tuned model and what that gained. Papers:
 * arXiv 1906.06423 (FixRes), 2003.08237 (FixEfficientNet).
 *
 * @module
 */
export { type CacheEntry, cacheEntries, cacheFolder, clearCache, removeEntries } from "./cache/index.js";
export type { Estimate, EstimatedMemory, EstimatedSeconds } from "./estimate.js";
export { CACHE_DEFAULTS, CACHE_WHERE, type CacheOptions, type CacheWhere } from "./features.js";
export { TUNE_MODE_FORMS, TUNE_MODES, type TuneMode, type TuneModeName, tuneMode } from "./modes.js";
export { SELECT_ON, type SelectOn, TUNE_DEFAULTS, type TuneOptions } from "./options.js";
export { MEASURE_SECONDS, type Plan, type PlannedTransform, type PlanSurroundings, plan, type Total } from "./plan.js";
export type { Fate, PlannedFeatures, PlannedNorm, PlannedTensor, PlannedTrunk } from "./planned.js";
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
export { type Selection, type TuneEvent, type TuneResult, type TuneSurroundings, tune } from "./tune.js";
