/**
 * What of this folder runs anywhere, in a page too: no files, nothing of Node's. A part of `index.ts`, for rooms that pages load.
 *
 * @module
 */
export type { Accuracy } from "../evaluate/pure.js";
export { type ApparentSizes, apparentSizes } from "./diagnosis/apparent.js";
export { trainedResolution } from "./diagnosis/trained-resolution.js";
export type { FeatureBatch } from "./features/features.js";
export { fitBySgd } from "./fit.js";
export { heldOutRows, indicesOf } from "./held-out.js";
export { type TuneModeName, tuneMode } from "./modes.js";
export { type TuneOptions, tuneDefaults } from "./options.js";
export { type Division, divided, foldedAgain, topProgram, trunkProgram } from "./top.js";
export { measuredStart, tunedModel } from "./tuned-model.js";
