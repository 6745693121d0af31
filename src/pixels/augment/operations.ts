import { jitterColors } from "../color-jitter.js";
import type { Picture } from "../picture.js";
import type { Sampling } from "./affine.js";
import { gaussianBlur } from "./blur.js";
import { rotate, shearX, shearY, translateX, translateY } from "./geometry.js";
import { sharpen } from "./sharpness.js";
import { autoContrast, equalize, invert, posterize, solarize, solarizeAdd } from "./tables.js";

type Apply = (picture: Picture, argument: number, sampling: Sampling) => void;

/**
 * What augmentation does to a picture, in place and byte for byte as Pillow does it, by timm's names. `argument` is in degrees,
 * bits, bytes, pixels or shares, or a factor of which 1 leaves all as it is; some operations look at none. `sampling` counts where geometry
 * is changed.
 */
export const OPERATIONS = {
  AutoContrast: ({ data }) => autoContrast(data),
  Equalize: ({ data }) => equalize(data),
  Invert: ({ data }) => invert(data),
  Rotate: rotate,
  Posterize: ({ data }, bits) => posterize(data, bits),
  Solarize: ({ data }, threshold) => solarize(data, threshold),
  SolarizeAdd: ({ data }, addend) => solarizeAdd(data, addend),
  Color: ({ data }, factor) => jitterColors(data, [["saturation", factor]]),
  Contrast: ({ data }, factor) => jitterColors(data, [["contrast", factor]]),
  Brightness: ({ data }, factor) => jitterColors(data, [["brightness", factor]]),
  Sharpness: sharpen,
  GaussianBlur: gaussianBlur,
  ShearX: shearX,
  ShearY: shearY,
  TranslateXRel: translateX,
  TranslateYRel: translateY,
} as const satisfies Record<string, Apply>;

/** A name in `OPERATIONS`. */
export type Operation = keyof typeof OPERATIONS;

/** Whether an operation changes geometry, and so needs a filter. */
export const isGeometric = (operation: Operation): boolean => /^(Rotate|Shear|Translate)/.test(operation);

/** An operation with all that is drawn for it. */
export interface AugmentStep {
  readonly operation: Operation;
  readonly argument: number;
  readonly sampling: Sampling;
}

/** Does one step after the other to a picture, in place. */
export function augment(picture: Picture, steps: readonly AugmentStep[]): void {
  for (const { operation, argument, sampling } of steps) OPERATIONS[operation](picture, argument, sampling);
}
