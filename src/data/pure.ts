/**
 * What of this folder runs anywhere, in a page too: no files, nothing of Node's. A part of `index.ts`, for rooms that pages load.
 *
 * @module
 */
export { orderOf } from "./order.js";
export { CROP_RATIO, CROP_SCALE, randomCrop, trainTransform } from "./train-transform.js";
