/**
 * What becomes of a decoded picture before a network sees it, in Node and in a browser alike. In: RGB bytes [H, W, 3]. Out: the
 * bytes [R, R, 3] of a crop, resized byte for byte as Pillow does it and cropped as torchvision does. No files, no packages and
 * nothing of Node's.
 *
 * @module
 */
export {
  type Augmentation,
  type AugmentOptions,
  type AugmentStep,
  assertErasing,
  augment,
  augmentation,
  type Color,
  ERASE_MODES,
  type ErasingOptions,
  eraseRandomly,
  LEVELS,
  type LevelName,
  type Normalization,
  OPERATIONS,
  type Operation,
} from "./augment/index.js";
export {
  assertJitter,
  drawJitter,
  JITTERS,
  type Jitter,
  type JitterRanges,
  type JitterStep,
  jitterColors,
} from "./color-jitter.js";
export { assertFilter, FILTERS, type Filter } from "./filters.js";
export { type Box, MAX_PIXELS, type Picture, type Size } from "./picture.js";
export { type Resampling, resize, resizeInto } from "./resample.js";
export { type TestPlusOptions, testPlusTransform } from "./test-plus-transform.js";
export { CROP_MODES, resizedSize, type TestPreprocessing, TRANSFORMS, testTransform } from "./test-transform.js";
export { assertResolution, type FixedTransform, roundHalfEven, type Transform } from "./transform.js";
