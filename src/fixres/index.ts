/**
 * The method: a trained classifier is tested at a higher resolution than it was trained at, and its last layers are tuned
 * there with the test's preprocessing. In: a model and labelled pictures. Out: a tuned model and what that gained. Papers:
 * arXiv 1906.06423 (FixRes), 2003.08237 (FixEfficientNet).
 *
 * @module
 */
export type { ActivationStatistics, Shift } from "./activations.js";
export { type ApparentSizes, apparentSizes, type Spread, type TrainCrops } from "./apparent.js";
export { type DiagnoseOptions, type Diagnosis, type DiagnosisRow, diagnose, trainedResolution } from "./diagnose.js";
export { TUNE_MODE_FORMS, TUNE_MODES, type TuneMode, type TuneModeName, tuneMode } from "./modes.js";
export { TUNE_DEFAULTS, type TuneOptions } from "./options.js";
export { type SweepOptions, type SweepRow, sweep } from "./sweep.js";
export { type Division, divided, FEATURES, type Feature, topProgram, topStep, trunkProgram } from "./top.js";
export { type TuneResult, type TuneSurroundings, tune } from "./tune.js";
