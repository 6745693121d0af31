import { RequestError } from "../errors.js";
import { assertFilter, type Filter } from "./filters.js";
import type { Picture, Size } from "./picture.js";
import { resizeInto } from "./resample.js";
import { assertResolution, type FixedTransform, roundHalfEven } from "./transform.js";

/** How a picture that is not square becomes one: see `testTransform`. */
export const CROP_MODES = ["center", "squash", "border"] as const;

/** Whose resize it is: everyone's, or that of the FixRes authors' code, with which their published weights were tuned. */
export const TRANSFORMS = ["standard", "fixres-official"] as const;

/** What decides the pixels that a test sees. */
export interface TestPreprocessing {
  /** Side of the square R, px. */
  readonly resolution: number;
  /** c: with `center` the shorter side becomes int(R / c), with `border` the longer one; above 0. */
  readonly cropRatio: number;
  /** One of `FILTERS`. */
  readonly interpolation: string;
  readonly cropMode: (typeof CROP_MODES)[number];
  /** `standard` unless given; `fixres-official` goes with crop mode `center` alone. */
  readonly transform?: (typeof TRANSFORMS)[number];
  /** The model's means of the channels, 0 to 1, of which `border` makes its colour and which nothing else looks at. */
  readonly mean?: readonly number[];
  /** Whether pictures are turned as their EXIF block says, before all else; false unless given, as with timm and torchvision. */
  readonly exifOrientation?: boolean;
}

/**
 * The test transform, byte for byte what Pillow, torchvision and timm make of it:
 * - `center`: `Resize(int(R / c))` of the shorter side and `CenterCrop(R)`. FixRes keeps c while R grows (arXiv 1906.06423,
 *   section 3.2).
 * - `squash`: timm's: resized to int(R / c) both ways, whatever its shape, and the centre crop.
 * - `border`: timm's `ResizeKeepRatio(int(R / c), longest=1)`, which brings the longer side to int(R / c), and the
 *   centre crop, surrounded by the mean colour: round(255 mean).
 * - transform `fixres-official`: the *height*, whichever side is the shorter, becomes int(1/c * R) and the width follows; then
 *   the centre crop. A portrait comes out narrow.
 *
 * Where the resized picture is smaller than the crop (c above 1, the narrow portrait) the rest is black, save under `border`.
 * @throws {RequestError} for a resolution, crop ratio, interpolation, transform or crop mode that cannot be
 */
export function testTransform(preprocessing: TestPreprocessing): FixedTransform {
  const { resolution, interpolation, exifOrientation, sizeOf, marginOf, surround } = testGeometry(preprocessing);
  return {
    resolution,
    deterministic: true,
    exifOrientation,
    apply(picture, out, offset) {
      const { width, height } = sizeOf(picture);
      const across = centre(width, resolution, marginOf);
      const down = centre(height, resolution, marginOf);
      const corner = surround(across, down, out, offset);
      const crop = { left: across.start, top: down.start, width: across.length, height: down.length };
      resizeInto(picture, { width, height, filter: interpolation, crop }, out, corner, resolution * 3);
    },
  };
}

/** Where things are in a test transform, its preprocessing checked. */
export interface TestGeometry {
  readonly resolution: number;
  readonly interpolation: Filter;
  readonly exifOrientation: boolean;
  /** To what a picture is resized. */
  readonly sizeOf: (picture: Picture) => Size;
  readonly marginOf: Resizing["marginOf"];
  /** Fills the square where the crop leaves some of it free. @returns the byte at which the crop's first row begins */
  readonly surround: (across: Stretch, down: Stretch, out: Uint8Array, offset: number) => number;
}

/** @throws {RequestError} as `testTransform` does */
export function testGeometry(preprocessing: TestPreprocessing): TestGeometry {
  const { resolution, cropRatio, interpolation, exifOrientation = false } = preprocessing;
  assertResolution(resolution);
  assertFilter(interpolation);
  const { side, sizeOf, marginOf } = resizing(preprocessing);
  if (!(cropRatio > 0 && side >= 1)) {
    throw new RequestError(
      `the crop ratio is ${cropRatio}; it must be above 0 and at most the resolution, such as 0.875.`,
    );
  }
  const ground = groundOf(preprocessing);
  return {
    resolution,
    interpolation,
    exifOrientation,
    sizeOf: (picture) => sizeOf(picture, side),
    marginOf,
    surround(across, down, out, offset) {
      if (across.length < resolution || down.length < resolution) {
        fillWith(ground, out, offset, offset + resolution * resolution * 3);
      }
      return offset + (down.margin * resolution + across.margin) * 3;
    },
  };
}

/** The size to which the test transform resizes a picture before it crops, px. */
export function resizedSize(preprocessing: TestPreprocessing, size: Size): Size {
  const { side, sizeOf } = resizing(preprocessing);
  return sizeOf(size, side);
}

/** What decides the size of the resized picture, and where one that is smaller than the crop stands in it. */
function resizing({ resolution, cropRatio, cropMode, transform = "standard" }: TestPreprocessing): Resizing {
  const sizeOf = SIZES[cropMode];
  if (sizeOf === undefined) {
    throw new RequestError(`the crop mode is "${cropMode}"; give one of ${CROP_MODES.join(", ")}.`);
  }
  switch (transform) {
    case "standard":
      return { side: Math.trunc(resolution / cropRatio), sizeOf, marginOf: (rest) => Math.floor(rest / 2) };
    case "fixres-official":
      if (cropMode !== "center")
        throw new RequestError(
          `the transform fixres-official has no crop mode "${cropMode}"; give center, or standard.`,
        );
      // Written int((256 / 224) * R) there, and cropped without padding first: Python's round decides the margin.
      return {
        side: Math.trunc((1 / cropRatio) * resolution),
        sizeOf: byHeight,
        marginOf: (rest) => roundHalfEven(rest / 2),
      };
    default:
      transform satisfies never;
      throw new RequestError(`the transform is "${transform}"; give one of ${TRANSFORMS.join(", ")}.`);
  }
}

interface Resizing {
  /** The length that one side gets, px. */
  readonly side: number;
  readonly sizeOf: (size: Size, side: number) => Size;
  /** How much goes before an axis to which `rest` pixels are missing. */
  readonly marginOf: (rest: number) => number;
}

/** The colour around a picture that is smaller than the crop. */
function groundOf({ cropMode, mean }: TestPreprocessing): readonly number[] {
  if (cropMode !== "border") return [0, 0, 0];
  if (mean?.length !== 3 || !mean.every((value) => value >= 0 && value <= 1)) {
    throw new RequestError(
      `the crop mode border surrounds pictures with the model's mean colour, but the mean is ${mean === undefined ? "not given" : mean.join(", ")}; give three numbers from 0 to 1.`,
    );
  }
  return mean.map((value) => roundHalfEven(255 * value));
}

function fillWith([red, green, blue]: readonly number[], out: Uint8Array, start: number, end: number): void {
  if (red === green && green === blue) out.fill(red!, start, end);
  else for (let i = start; i < end; i += 3) out.set([red!, green!, blue!], i);
}

/** Of a very narrow picture a line is left, where the authors' code would fail. */
const byHeight = ({ width, height }: Size, side: number): Size => ({
  width: Math.max(1, Math.trunc((side * width) / height)),
  height: side,
});

/** The size to which each mode resizes, by the picture's and int(R / c). */
const SIZES: Readonly<Record<TestPreprocessing["cropMode"], (size: Size, side: number) => Size>> = {
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

/** Which part of an axis a crop keeps, and how much goes before it where the axis is shorter. */
export interface Stretch {
  readonly start: number;
  readonly length: number;
  readonly margin: number;
}

/** The middle of an axis. */
export function centre(length: number, crop: number, marginOf: Resizing["marginOf"]): Stretch {
  if (length >= crop) return { start: roundHalfEven((length - crop) / 2), length: crop, margin: 0 };
  return { start: 0, length, margin: marginOf(crop - length) };
}
