/**
 * Training as a graph: the step that one session run carries out, its optimizers and loss, and the loop around it.
 *
 * @module
 */
export { type AverageOptions, averageName, averageShare } from "./average.js";
export { balancedWeights } from "./class-weights.js";
export { configOf, loadConfig, type RunConfig } from "./config.js";
export { type FindRateOptions, type FoundRate, findLearningRate, judged, type RatePoint } from "./find-rate.js";
export { frozenParts, layerFactor, partOfNetwork, partsOf } from "./groups.js";
export {
  correctCount,
  correctEach,
  crossEntropy,
  type LossOptions,
  logLikelihoods,
  type Mix,
} from "./loss.js";
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
  CLASS_WEIGHTS,
  checkTrainOptions,
  defaultTrainOptions,
  METRICS,
  type Metric,
  type TrainOptions,
} from "./options.js";
export { resolutionAt } from "./progressive.js";
export { recipe } from "./recipe-file.js";
export { type NamedRecipe, RECIPE_NAMES, RECIPES, type Recipe } from "./recipes.js";
export { type Circumstances, resolvedOptions } from "./resolve.js";
export { type EpochResult, type TrainResult, type TrainSurroundings, train } from "./run.js";
export { sourceHash } from "./rundir.js";
export { checkSchedule, learningRateAt, SCHEDULES, type Schedule, type ScheduleName } from "./schedule.js";
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
export { type TrainingStepOptions, trainingStep } from "./training-step.js";
export { forClasses } from "./transfer.js";
