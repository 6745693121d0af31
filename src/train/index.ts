/**
 * Training as a graph: the step that one session run carries out, its optimizers and loss, and the loop around it.
 *
 * @module
 */
export { correctCount, correctEach, crossEntropy, logLikelihoods } from "./loss.js";
export {
  adamw,
  OPTIMIZERS,
  type Optimizer,
  type OptimizerName,
  type OptimizerOptions,
  optimizer,
  rmsprop,
  sgd,
} from "./optimizers.js";
export { checkTrainOptions, defaultTrainOptions, type TrainOptions } from "./options.js";
export { type EpochResult, type TrainResult, type TrainSurroundings, train, trainingStep } from "./run.js";
export { sourceHash } from "./rundir.js";
export { checkSchedule, learningRateAt, SCHEDULES, type Schedule, type ScheduleName } from "./schedule.js";
export { initialState, STAT_DECAY, type StepGraph, type StepOptions, slotName, stepGraph } from "./step.js";
