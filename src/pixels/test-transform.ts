import { RequestError } from "../errors.js";
import { assertFilter } from "./filters.js";
import type { Picture } from "./picture.js";
import { resizeInto } from "./resample.js";
import { assertResolution, type FixedTransform, roundHalfEven } from "./transform.js";

/** How a picture that is not square becomes one: see `testTransform`. */
export const CROP_MODES = ["center", "squash", "border"] as const;

/** What decides the pixels that a test sees. */
export interface TestPreprocessing {
  /** Side of the square R, px. */
  readonly resolution: number;
  /** c: with `center` the shorter side becomes int(R / c), with `border` the longer one; above 0. */
  readonly cropRatio: number;
  /** One of `FILTERS`. */
  readonly interpolation: string;
  readonly cropMode: (typeof CROP_MODES)[number];
}

/**
 * The test transform, byte for byte what Pillow and torchvision make of it:
 * - `center`: `Resize(int(R / c))` of the shorter side and `CenterCrop(R)`. FixRes keeps c while R grows (arXiv
 *   1906.06423,
 *   section 3.2).
 * - `squash`: timm's: resized to int(R / c) both ways, whatever its shape, and the centre crop.
 * - `border`: timm's `ResizeKeepRatio(int(R / c), longest=1)`, which brings the longer side to int(R / c), and the
 *   centre crop.
 *
 * Where the resized picture is smaller than the crop (c above 1, or the shorter side under `border`) the rest is black.
 * @throws {RequestError} for a resolution, crop ratio, interpolation or crop mode that cannot be
 */
export function testTransform({ resolution, cropRatio, interpolation, cropMode }: TestPreprocessing): FixedTransform {
  assertResolution(resolution);
  assertFilter(interpolation);
  const side = Math.trunc(resolution / cropRatio);
  if (!(cropRatio > 0 && side >= 1)) {
    throw new RequestError(
      `the crop ratio is ${cropRatio}; it must be above 0 and at most the resolution, such as 0.875.`,
    );
  }
  const sizeOf = SIZES[cropMode];
  if (sizeOf === undefined) {
    throw new RequestError(`the crop mode is "${cropMode}"; give one of ${CROP_MODES.join(", ")}.`);
  }
  return {
    resolution,
    deterministic: true,
    apply(picture, out, offset) {
      const { width, height } = sizeOf(picture, side);
      const across = centre(width, resolution);
      const down = centre(height, resolution);
      if (across.length < resolution || down.length < resolution) {
        out.fill(0, offset, offset + resolution * resolution * 3);
      }
      const crop = { left: across.start, top: down.start, width: across.length, height: down.length };
      const corner = offset + (down.margin * resolution + across.margin) * 3;
      resizeInto(picture, { width, height, filter: interpolation, crop }, out, corner, resolution * 3);
    },
  };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The size to which each mode resizes, by the picture's and int(R / c). */
const SIZES: Readonly<Record<TestPreprocessing["cropMode"], (size: Picture, side: number) => Size>> = {
  // torchvision truncates the longer side; timm rounds the shorter one.
  center: ({ width, height }, side) =>
    width <= height
      ? { width: side, height: Math.trunc((side * height) / width) }
      : { width: Math.trunc((side * width) / height), height: side },
  squash: (_size, side) => ({ width: side, height: side }),
  border: ({ width, height }, side) => {
    const shrink = Math.max(width, height) / side;
    // Of a very long picture a line is left, where timm would fail.
    return { width: Math.max(1, roundHalfEven(width / shrink)), height: Math.max(1, roundHalfEven(height / shrink)) };
  },
};

/**
 * The middle of an axis: which part of it the crop keeps, and how much black goes before it where the axis is shorter.
 */
function centre(length: number, crop: number): { start: number; length: number; margin: number } {
  if (length >= crop) return { start: roundHalfEven((length - crop) / 2), length: crop, margin: 0 };
  return { start: 0, length, margin: Math.floor((crop - length) / 2) };
}
