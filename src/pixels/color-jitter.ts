import { RequestError } from "../errors.js";
import type { Random } from "../random.js";
import { shiftHue } from "./hue.js";

/** What a colour jitter changes, in the order in which torchvision numbers them. */
export const JITTERS = ["brightness", "contrast", "saturation", "hue"] as const;

/** One of `JITTERS`. */
export type Jitter = (typeof JITTERS)[number];

/** How far each may go: torchvision's arguments of the same names. What is not given, or 0, is left as it is. */
export type JitterRanges = Readonly<Partial<Record<Jitter, number>>>;

/** A step of a jitter: a factor of 1 (a hue of 0) leaves the colours as they are, save what rounding does to a hue. */
export type JitterStep = readonly [jitter: Jitter, factor: number];

/**
 * Checks ranges as torchvision does.
 * @throws {RequestError} for a range below 0, or a hue above 0.5
 */
export function assertJitter(ranges: JitterRanges): void {
  for (const name of JITTERS) {
    const value = ranges[name] ?? 0;
    const most = name === "hue" ? 0.5 : Number.MAX_VALUE;
    if (!(value >= 0 && value <= most)) {
      throw new RequestError(
        `the colour jitter of ${name} is ${value}; give a number from 0${name === "hue" ? " to 0.5" : ", such as 0.05"}.`,
      );
    }
  }
}

/**
 * The steps of one picture, as torchvision's `ColorJitter` draws them: a random order, each factor uniform in
 * [max(0, 1 - v), 1 + v], a hue in [-v, v].
 */
export function drawJitter(ranges: JitterRanges, random: Random): JitterStep[] {
  const order = [0, 1, 2, 3];
  random.shuffle(order);
  return order.flatMap((i): JitterStep[] => {
    const name = JITTERS[i]!;
    const range = ranges[name] ?? 0;
    if (range === 0) return [];
    const least = name === "hue" ? -range : Math.max(0, 1 - range);
    const most = name === "hue" ? range : 1 + range;
    return [[name, least + (most - least) * random.uniform()]];
  });
}

/**
 * Changes the colours of a picture in place, byte for byte as torchvision's `adjust_brightness`, `adjust_contrast`,
 * `adjust_saturation` and `adjust_hue` do it to Pillow pictures (versions 9 to 13), one after the other. Contrast looks at the
 * mean of the whole picture.
 * @param pixels - RGB bytes [height, width, 3]  @param steps - factors of 0 and above; a hue lies in [-0.5, 0.5]
 */
export function jitterColors(pixels: Uint8Array, steps: readonly JitterStep[]): void {
  for (const [name, factor] of steps) {
    switch (name) {
      case "brightness":
        throughTable(pixels, blendTable(0, factor));
        break;
      case "contrast":
        throughTable(pixels, blendTable(meanGrey(pixels), factor));
        break;
      case "saturation":
        saturate(pixels, factor);
        break;
      case "hue":
        shiftHue(pixels, Math.trunc(factor * 255));
        break;
      default:
        name satisfies never;
    }
  }
}

// Pillow's blend: from + alpha * (to - from) in C floats, cut off below the point and outside of 0..255.
// 0 and 1 need no case of their own, as they have there: the sum is exact.

/** What the blend of one value with each byte gives. */
function blendTable(from: number, factor: number): Uint8ClampedArray {
  const alpha = Math.fround(factor);
  return Uint8ClampedArray.from({ length: 256 }, (_, to) =>
    Math.trunc(Math.fround(from + Math.fround(alpha * (to - from)))),
  );
}

function throughTable(pixels: Uint8Array, table: Uint8ClampedArray): void {
  for (let i = 0; i < pixels.length; i++) pixels[i] = table[pixels[i]!]!;
}

/** Pillow's conversion to "L": ITU-R 601-2 in fixed point, rounded. */
const grey = (red: number, green: number, blue: number): number =>
  (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;

function meanGrey(pixels: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < pixels.length; i += 3) sum += grey(pixels[i]!, pixels[i + 1]!, pixels[i + 2]!);
  return Math.trunc(sum / (pixels.length / 3) + 0.5);
}

/** Blends each pixel with its own grey. */
function saturate(pixels: Uint8Array, factor: number): void {
  const alpha = Math.fround(factor);
  const steps = Float32Array.from({ length: 511 }, (_, i) => alpha * (i - 255));
  const out = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    const red = pixels[i]!;
    const green = pixels[i + 1]!;
    const blue = pixels[i + 2]!;
    const from = grey(red, green, blue);
    out[i] = Math.fround(from + steps[red - from + 255]!) | 0;
    out[i + 1] = Math.fround(from + steps[green - from + 255]!) | 0;
    out[i + 2] = Math.fround(from + steps[blue - from + 255]!) | 0;
  }
}
