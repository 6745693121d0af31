/**
 * Training as a graph: the step that one session run carries out, its optimizers and loss, and the loop around it.
 *
 * @module
 */

export { type Attack, attacked, auxiliaryName, mainName, usualSteps } from "./adversarial/index.js";
export { type AverageOptions, averageName, averageShare } from "./average.js";
export { balancedWeights } from "./class-weights.js";
export { configOf, loadConfig, type RunConfig } from "./config.js";
export { type FindRateOptions, type FoundRate, findLearningRate, judged, type RatePoint } from "./find-rate.js";
export { frozenParts, layerFactor, partOfNetwork, partsOf } from "./groups.js";
export { type LocalResult, type LocalSteps, type LocalTrainer, openLocalTrainer } from "./local-steps.js";
export {
  correctCount,
  correctEach,
  crossEntropy,
  type LossOptions,
  logLikelihoods,
  type Mix,
} from "./loss.js";
export { normalizedFor } from "./normalization.js";
export {
  adamw,
  lamb,
  OPTIMIZERS,
  type Optimizer,
  type OptimizerName,
  type OptimizerOptions,
  optimizer,
  rmsprop,
  sgd,
} from "./optimizers.js";
export {
  attackOf,
  CLASS_WEIGHTS,
  checkTrainOptions,
  defaultTrainOptions,
  METRICS,
  type Metric,
  NORMALIZATIONS,
  TrainOptions,
} from "./options.js";
export { resolutionAt } from "./progressive.js";
export { recipe } from "./recipe-file.js";
export { type NamedRecipe, RECIPE_NAMES, RECIPES, type Recipe } from "./recipes.js";
export { keptBytes, type RecomputeOptions, stepWithin } from "./recompute.js";
export { type Circumstances, resolvedOptions } from "./resolve.js";
export {
  checkRounds,
  isOwn,
  type ReplicaResult,
  type RoundOptions,
  type RoundRequest,
  type Rounds,
  sharedPart,
} from "./rounds.js";
export { train } from "./run.js";
export { sourceHash } from "./rundir.js";
export { checkSchedule, learningRateAt, SCHEDULES, type Schedule, type ScheduleName } from "./schedule.js";
export {
  assertAgreement,
  type CheckedEngine,
  checkDevice,
  compareSteps,
  type Deviation,
  isChecked,
  STEP_TOLERANCE,
  type StepTolerance,
} from "./self-check.js";
export { isOver, type Placed, placed } from "./standing.js";
export { initialState, isKept, STAT_DECAY, type StepGraph, type StepOptions, slotName, stepGraph } from "./step.js";
export {
  BALANCES,
  type Choice,
  choose,
  contentsOfSource,
  joinLabels,
  type LabelFile,
  type LabelIntoOptions,
  type LabelledBatch,
  type Lesson,
  labelInto,
  labelled,
  lessonOf,
  openLabels,
  PSEUDO_LABELS,
  type PseudoLabel,
  type Range,
  type RoundResult,
  type RoundsOptions,
  type RoundsResult,
  readColumns,
  readProbabilities,
  rowsOfStep,
  type Taught,
  type TrainingData,
  taughtBy,
  trainStudents,
} from "./student/index.js";
export type { EpochResult, TrainResult, TrainSurroundings } from "./surroundings.js";
export { stepForm, type TrainingStepOptions, trainingStep } from "./training-step.js";
export { forClasses } from "./transfer.js";
