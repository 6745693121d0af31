/**
 * Pictures from files to batches of bytes. In: folders, tars, Parquet and IDX files, by their path alone (docs/DATA.md). Out: uint8
 * [N, R, R, 3] with labels, decoded byte for byte as Pillow does it and transformed by what `pixels` holds.
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
  resizedSize,
  type Size,
  type TestPlusOptions,
  type TestPreprocessing,
  TRANSFORMS,
  type Transform,
  testPlusTransform,
  testTransform,
} from "../pixels/index.js";
// What transforms and mixing draw from.
export { type Random, random } from "../random.js";
export { openPictureCache, type PictureCache } from "./cache.js";
export { type ClassOptions, withClasses } from "./classes.js";
export { type DecodeOptions, decodePicture, PICTURE_FORMATS, pictureSize } from "./decode.js";
export { openFolder } from "./folder.js";
export {
  type BadPicture,
  type Batch,
  type LoadOptions,
  loadBatches,
  ON_BAD_IMAGE,
  type OnBadImage,
  readPicture,
} from "./loader.js";
export {
  assertMix,
  MIX_MODES,
  type MixedBatch,
  type MixOptions,
  mixBatch,
  softTargets,
} from "./mix.js";
export { openSource, type SourceOptions } from "./open.js";
export { orderOf } from "./order.js";
export { SAMPLINGS, type Sampling, sampledOrder } from "./sampling.js";
export { pictureSizes } from "./sizes.js";
export { type Place, type Sample, type Samples, type Source, shown } from "./source.js";
export { checkClasses, openParts, openSplit, openSplits, type SplitOptions, type Splits } from "./splits.js";
export { sourceStamp } from "./stamp.js";
export { joinSources, partOf } from "./table.js";
export { CROP_RATIO, CROP_SCALE, randomCrop, type TrainTransformOptions, trainTransform } from "./train-transform.js";
export { openUnlabelled } from "./unlabelled.js";
export { type Found, type Part, type Verification, type VerifyOptions, verify } from "./verify.js";
