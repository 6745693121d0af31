/**
 * Pictures from files to batches of bytes. In: folders of JPEG, PNG and WebP, a folder a class as in torchvision's
 * ImageFolder. Out: uint8 [N, R, R, 3] with labels, decoded and resized byte for byte as Pillow does it, cropped as
 * torchvision does.
 *
 * @module
 */
export { openPictureCache, type PictureCache } from "./cache.js";
export { type DecodeOptions, decodePicture, MAX_PIXELS } from "./decode.js";
export { assertFilter, FILTERS, type Filter } from "./filters.js";
export { openFolder, type Sample, type Source } from "./folder.js";
export { type BadPicture, type Batch, type LoadOptions, loadBatches, orderOf } from "./loader.js";
export type { Picture } from "./picture.js";
export { resize } from "./resample.js";
export { checkClasses, openSplit, openSplits, type SplitOptions, type Splits } from "./splits.js";
export { CROP_MODES, type TestPreprocessing, testTransform } from "./test-transform.js";
export { type TrainTransformOptions, trainTransform } from "./train-transform.js";
export type { FixedTransform, Transform } from "./transform.js";
