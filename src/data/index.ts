/**
 * Pictures from files to batches of bytes. In: folders of JPEG, PNG and WebP. Out: uint8 [N, R, R, 3] with labels, resized byte
 * for byte as Pillow does it.
 *
 * @module
 */
export { decodePicture, MAX_PIXELS } from "./decode.js";
export { assertFilter, FILTERS, type Filter } from "./filters.js";
export { checkClasses, openFolder, openSplit, openSplits, type Sample, type Source, type Splits } from "./folder.js";
export {
  type BadPicture,
  type Batch,
  type LoadOptions,
  loadBatches,
  openPictureCache,
  orderOf,
  type PictureCache,
} from "./loader.js";
export type { Box, Picture } from "./picture.js";
export { resize } from "./resample.js";
export { CROP_MODES, type TestPreprocessing, type Transform, testTransform, trainTransform } from "./transforms.js";
