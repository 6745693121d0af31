import type { Picture } from "../picture.js";

/** Of the sum that weighs a pixel's eight neighbours by 1 and itself by 5, what its thirteenth rounds to. */
const THIRTEENTHS = Uint8Array.from({ length: 13 * 255 + 1 }, (_, sum) => Math.floor((2 * sum + 13) / 26));

/**
 * Blends a picture with its smoothed self, in place, byte for byte as Pillow's `ImageEnhance.Sharpness`: below a factor of 1 it gets
 * softer, above sharper. Pixels at the edge stay, and so does a picture of fewer than 3 pixels a side.
 */
export function sharpen({ width, height, data }: Picture, factor: number): void {
  if (width < 3 || height < 3) return;
  const alpha = Math.fround(factor);
  const steps = Float32Array.from({ length: 511 }, (_, i) => alpha * (i - 255));
  const out = new Uint8ClampedArray(data.buffer, data.byteOffset, data.length);
  const stride = width * 3;
  // Sums of three neighbours in a row, of the row above, of this one and of the one below.
  let [above, here, below] = [new Int32Array(stride), new Int32Array(stride), new Int32Array(stride)];
  sumRow(data, 0, above);
  sumRow(data, stride, here);
  for (let y = 1; y < height - 1; y++) {
    const row = y * stride;
    sumRow(data, row + stride, below);
    for (let i = 3; i < stride - 3; i++) {
      const value = data[row + i]!;
      // Pillow computes it in floats. A thirteenth is never nearer than 1/26 to a half, much more than those err.
      const smooth = THIRTEENTHS[above[i]! + here[i]! + below[i]! + 4 * value]!;
      out[row + i] = Math.trunc(Math.fround(smooth + steps[value - smooth + 255]!));
    }
    [above, here, below] = [here, below, above];
  }
}

function sumRow(data: Uint8Array, start: number, sums: Int32Array): void {
  for (let i = 3; i < sums.length - 3; i++) {
    sums[i] = data[start + i - 3]! + data[start + i]! + data[start + i + 3]!;
  }
}
