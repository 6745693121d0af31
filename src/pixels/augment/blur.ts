import type { Picture } from "../picture.js";

/** Pillow's approximation of a Gaussian is so many boxes, one after the other. */
const PASSES = 3;

/**
 * Blurs a picture in place, byte for byte as Pillow's `GaussianBlur(radius)` (versions 9 to 13): three boxes of fractional length along
 * each row, then along each column (Gwosdek et al., Theoretical Foundations of Gaussian Convolution by Extended Box Filtering, 2011).
 * What lies outside is the pixel at the edge.
 * @param deviation - of the Gaussian, px, which Pillow calls its radius
 */
export function gaussianBlur({ width, height, data }: Picture, deviation: number): void {
  const box = boxOf(deviation);
  if (box.length === 0) return;
  for (let i = 0; i < height * 3; i++) blurLine(data, Math.floor(i / 3) * width * 3 + (i % 3), 3, width, box);
  for (let i = 0; i < width * 3; i++) blurLine(data, i, width * 3, height, box);
}

/** Half of a box: its whole pixels beside the middle, what each of them weighs, and the ones at its two ends, in 2^-24. */
interface HalfBox {
  /** In pixels, with its fraction. */
  readonly length: number;
  readonly whole: number;
  readonly weight: number;
  readonly endWeight: number;
}

// Pillow computes it in floats, step by step.
function boxOf(deviation: number): HalfBox {
  const f = Math.fround;
  const variance = f(f(f(deviation) * f(deviation)) / PASSES);
  const least = Math.floor((f(Math.sqrt(12 * variance + 1)) - 1) / 2);
  const above = f((2 * least + 1) * f(least * (least + 1) - f(3 * variance)));
  const below = f(6 * f(variance - (least + 1) ** 2));
  const length = f(least + f(above / below));
  const whole = Math.trunc(length);
  const weight = Math.trunc(f(2 ** 24 / f(f(length * 2) + 1)));
  return { length, whole, weight, endWeight: Math.floor((2 ** 24 - (whole * 2 + 1) * weight) / 2) };
}

/** @param start - the line's first byte  @param step - bytes from one to the next */
function blurLine(data: Uint8Array, start: number, step: number, length: number, box: HalfBox): void {
  const { whole, weight, endWeight } = box;
  // Pixels at the edge, repeated as far as a box reaches.
  const margin = whole + 1;
  const line = new Int32Array(length + 2 * margin);
  for (let i = 0; i < length; i++) line[margin + i] = data[start + i * step]!;
  const out = new Int32Array(length);
  for (let pass = 0; pass < PASSES; pass++) {
    line.fill(line[margin]!, 0, margin);
    line.fill(line[margin + length - 1]!, margin + length);
    let sum = 0;
    for (let i = 0; i < 2 * whole + 1; i++) sum += line[i]!;
    for (let i = 0; i < length; i++) {
      const [first, last] = [line[i]!, line[i + 2 * margin]!];
      sum += line[i + 2 * whole + 1]! - first;
      out[i] = (sum * weight + (first + last) * endWeight + 2 ** 23) >>> 24;
    }
    line.set(out, margin);
  }
  for (let i = 0; i < length; i++) data[start + i * step] = out[i]!;
}
