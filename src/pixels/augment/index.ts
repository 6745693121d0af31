/**
 * Augmentation of training pictures, as Pillow computes it and timm and torchvision draw it. In: RGB bytes and a stream of random
 * numbers. Out: the same bytes, changed in place (AutoAugment, arXiv 1805.09501; RandAugment, arXiv 1909.13719; random erasing,
 * arXiv 1708.04896).
 *
 * @module
 */
export type { AffineFilter, Color, Sampling } from "./affine.js";
export { type Augmentation, type AugmentOptions, augmentation } from "./augmentation.js";
export { assertErasing, ERASE_MODES, type ErasingOptions, eraseRandomly, type Normalization } from "./erase.js";
export { LEVELS, type LevelName } from "./levels.js";
export { type AugmentStep, augment, OPERATIONS, type Operation } from "./operations.js";
