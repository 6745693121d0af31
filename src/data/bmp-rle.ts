import type { Size } from "../pixels/index.js";

const END_OF_LINE = 0;
const END_OF_BITMAP = 1;
const DELTA = 2;

/** Run-length coded pixels of a BMP. */
export interface Runs extends Size {
  readonly bytes: Uint8Array;
  /** Where in the file they begin. */
  readonly at: number;
  /** Whether a pixel is half a byte (RLE4), not a whole one (RLE8). */
  readonly nibbles: boolean;
}

/**
 * Unpacks runs into indices of the palette, row after row in the file's order, by Pillow's rules, which are not quite the format's: an
 * end of line right behind a whole row is none, and what a delta passes over is of the first colour.
 * @param out - a place for each pixel, all 0; null counts alone, and takes no memory
 * @returns how many pixels there are; fewer than the picture has where the file is cut short or ends its bitmap early
 */
export function rleIndices({ bytes, at, width, height, nibbles }: Runs, out: Uint8Array | null): number {
  const total = width * height;
  let count = 0;
  let x = 0;
  const put = (index: number): void => {
    if (out !== null && count < total) out[count] = index;
    count++;
  };
  while (count < total && at + 1 < bytes.length) {
    const length = bytes[at++]!;
    const value = bytes[at++]!;
    if (length > 0) {
      const run = x + length > width ? Math.max(0, width - x) : length;
      if (out === null) count += run;
      else if (nibbles) for (let i = 0; i < run; i++) put(i % 2 === 0 ? value >> 4 : value & 15);
      else for (let i = 0; i < run; i++) put(value);
      x += run;
    } else if (value === END_OF_LINE) {
      count = Math.ceil(count / width) * width;
      x = 0;
    } else if (value === END_OF_BITMAP) {
      break;
    } else if (value === DELTA) {
      if (at + 1 >= bytes.length) break;
      count += Math.min(total - count, bytes[at]! + bytes[at + 1]! * width);
      x = count % width;
      at += 2;
    } else {
      const pixels = Math.min(total - count, value);
      const end = at + (nibbles ? Math.ceil(pixels / 2) : pixels);
      if (end > bytes.length) break;
      for (let i = 0; i < pixels; i++) {
        if (nibbles) put(i % 2 === 0 ? bytes[at + i / 2]! >> 4 : bytes[at + (i - 1) / 2]! & 15);
        else put(bytes[at + i]!);
      }
      x += value;
      // Runs of single pixels end at an even place of the file.
      at = end + (end % 2);
    }
  }
  return count;
}
