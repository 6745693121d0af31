/**
 * What of this folder runs anywhere, in a page too: no files, nothing of Node's. A part of `index.ts`, for rooms that pages load.
 *
 * @module
 */
export { scoreLogits } from "./metrics.js";
export { type Accuracy, tally } from "./tally.js";
