/**
 * Pictures from files to batches of bytes. In: folders of JPEG, PNG and WebP, a folder a class as in torchvision's
 * ImageFolder. Out: uint8 [N, R, R, 3] with labels, decoded byte for byte as Pillow does it and transformed by what `pixels`
 * holds.
 *
 * @module
 */
// What `fixres/data` has always offered and a browser needs too.
export {
  assertFilter,
  CROP_MODES,
  FILTERS,
  type Filter,
  type FixedTransform,
  MAX_PIXELS,
  type Picture,
  resize,
  type TestPreprocessing,
  TRANSFORMS,
  type Transform,
  testTransform,
} from "../pixels/index.js";
export { openPictureCache, type PictureCache } from "./cache.js";
export { type DecodeOptions, decodePicture } from "./decode.js";
export { openFolder } from "./folder.js";
export {
  type BadPicture,
  type Batch,
  type LoadOptions,
  loadBatches,
  ON_BAD_IMAGE,
  type OnBadImage,
  orderOf,
  readPicture,
} from "./loader.js";
export type { Sample, Samples, Source } from "./source.js";
export { checkClasses, openSplit, openSplits, type SplitOptions, type Splits } from "./splits.js";
export { type TrainTransformOptions, trainTransform } from "./train-transform.js";
