import { RequestError } from "../errors.js";
import type { Random } from "../random.js";
import { assertFilter } from "./filters.js";
import type { Box, Picture } from "./picture.js";
import { resizeInto } from "./resample.js";

/** How a picture becomes a square of bytes. */
export interface Transform {
  /** Side of the square, px. */
  readonly resolution: number;
  /** True where the same picture always gives the same bytes, so that what is computed from them may be kept. */
  readonly deterministic: boolean;
  /** Writes bytes [resolution, resolution, 3] at `offset`. @param random - the picture's own stream */
  apply(picture: Picture, out: Uint8Array, offset: number, random: Random): void;
}

export const CROP_MODES = ["center", "squash", "border"] as const;

/** What decides the pixels that a test sees. */
export interface TestPreprocessing {
  /** Side of the crop R, px. */
  readonly resolution: number;
  /** c: the shorter side is resized to int(R / c). */
  readonly cropRatio: number;
  readonly interpolation: string;
  /** `center` crops the middle; `squash` ignores the aspect ratio; `border` fits the longer side and fills with black. */
  readonly cropMode: (typeof CROP_MODES)[number];
}

/**
 * The test transform, byte for byte torchvision's `Resize(int(R / c))` and `CenterCrop(R)` on Pillow pictures (FixRes keeps c
 * while R grows: arXiv 1906.06423, section 3.2).
 * @throws {RequestError} for an unknown interpolation or crop mode
 */
export function testTransform({ resolution, cropRatio, interpolation, cropMode }: TestPreprocessing): Transform {
  assertFilter(interpolation);
  const filter = interpolation;
  const shorterSide = Math.trunc(resolution / cropRatio);
  const sizeOf = (picture: Picture): [number, number] => {
    switch (cropMode) {
      case "center":
        return shorterTo(picture, shorterSide);
      case "squash":
        return [shorterSide, shorterSide];
      case "border":
        return longerTo(picture, shorterSide);
      default:
        throw new RequestError(
          `crop mode "${cropMode satisfies never}" is unknown; choose one of ${CROP_MODES.join(", ")}.`,
        );
    }
  };
  return {
    resolution,
    deterministic: true,
    apply(picture, out, offset) {
      const [width, height] = sizeOf(picture);
      const across = centred(width, resolution);
      const down = centred(height, resolution);
      if (across.length < resolution || down.length < resolution)
        out.fill(0, offset, offset + resolution * resolution * 3);
      const crop: Box = { left: across.start, top: down.start, width: across.length, height: down.length };
      const first = offset + (down.margin * resolution + across.margin) * 3;
      resizeInto(picture, { width, height, filter, crop }, out, first, resolution * 3);
    },
  };
}

/** torchvision's Resize: the shorter side becomes `side`, the longer one is truncated. */
function shorterTo({ width, height }: Picture, side: number): [number, number] {
  return width <= height ? [side, Math.trunc((side * height) / width)] : [Math.trunc((side * width) / height), side];
}

/** The longer side becomes `side`, the shorter one is rounded, to no less than a pixel. */
function longerTo({ width, height }: Picture, side: number): [number, number] {
  const scale = side / Math.max(width, height);
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** Python's round(): halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const half = x - floor === 0.5;
  return half ? floor + (floor % 2) : Math.round(x);
}

/** The middle `crop` of an axis: which part of it, and how much black goes before it where the axis is shorter. */
function centred(length: number, crop: number): { start: number; length: number; margin: number } {
  if (length >= crop) return { start: roundHalfEven((length - crop) / 2), length: crop, margin: 0 };
  return { start: 0, length, margin: Math.floor((crop - length) / 2) };
}

export interface TrainTransformOptions {
  readonly resolution: number;
  readonly interpolation: string;
  /** Share of the picture's area that a crop takes; 0.08 to 1 unless given. */
  readonly scale?: readonly [number, number];
  /** Width over height of a crop; 3/4 to 4/3 unless given. */
  readonly ratio?: readonly [number, number];
  /** Probability of mirroring; 0.5 unless given. */
  readonly flip?: number;
}

/**
 * torchvision's `RandomResizedCrop` and `RandomHorizontalFlip`: a crop of random area and aspect ratio at a random place (arXiv
 * 1409.4842, section 6), resized to the resolution. It makes objects look larger than a test does, which FixRes repairs.
 */
export function trainTransform({
  resolution,
  interpolation,
  scale = [0.08, 1],
  ratio = [3 / 4, 4 / 3],
  flip = 0.5,
}: TrainTransformOptions): Transform {
  assertFilter(interpolation);
  const filter = interpolation;
  return {
    resolution,
    deterministic: false,
    apply(picture, out, offset, random) {
      const box = randomCrop(picture, scale, ratio, random);
      const mirror = random.uniform() < flip;
      resizeInto(picture, { width: resolution, height: resolution, filter, box, mirror }, out, offset);
    },
  };
}

/** Ten tries, then the middle of the picture, cut to the nearest allowed aspect ratio. */
function randomCrop(
  { width, height }: Picture,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  random: Random,
): Box {
  const between = ([low, high]: readonly [number, number]): number => low + (high - low) * random.uniform();
  const logRatio = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * between(scale);
    const aspect = Math.exp(between(logRatio));
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height)
      return { left: random.integer(width - w + 1), top: random.integer(height - h + 1), width: w, height: h };
  }
  const own = width / height;
  const w = own > ratio[1] ? Math.max(1, roundHalfEven(height * ratio[1])) : width;
  const h = own < ratio[0] ? Math.max(1, roundHalfEven(width / ratio[0])) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}
