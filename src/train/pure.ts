/**
 * What of this folder runs anywhere, in a page too: no files, nothing of Node's. A part of `index.ts`, for rooms that pages load.
 *
 * @module
 */
export { type Optimizer, sgd } from "./optimizers.js";
export { learningRateAt } from "./schedule.js";
export { initialState, isKept, type StepGraph, stepGraph } from "./step.js";
export { forClasses } from "./transfer.js";
