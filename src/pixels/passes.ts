/**
 * The two passes of a resize, as Pillow's Resample.c has them: fixed point, rounded to bytes after each. Sums stay
 * inside 32 bits (|weights| add up to less than 1.7 * 2^22, a sample is below 2^8); stores clamp to 0..255.
 */
import { type Coefficients, PRECISION_BITS } from "./filters.js";

/** Rows of RGB bytes inside a larger array. */
export interface Rows<T extends Uint8Array | Uint8ClampedArray = Uint8Array | Uint8ClampedArray> {
  readonly data: T;
  /** Byte at which the first row begins. */
  readonly offset: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
}

const HALF = 1 << (PRECISION_BITS - 1);

/** Resamples `rows` rows along x, to as many pixels as the table has outputs. */
export function horizontalPass(table: Coefficients, from: Rows, to: Rows<Uint8ClampedArray>, rows: number): void {
  for (let y = 0; y < rows; y++) {
    across(table, from.data, from.offset + y * from.stride, to.data, to.offset + y * to.stride);
  }
}

// A function a row, its arguments plain numbers and arrays: V8 optimises this best.
function across(
  { starts, weights, taps }: Coefficients,
  source: Uint8Array | Uint8ClampedArray,
  row: number,
  out: Uint8ClampedArray,
  to: number,
): void {
  let w = 0;
  for (let x = 0; x < starts.length; x++) {
    let s = row + starts[x]! * 3;
    let r = HALF;
    let g = HALF;
    let b = HALF;
    for (let t = 0; t < taps; t++) {
      const weight = weights[w++]!;
      r = (r + Math.imul(source[s]!, weight)) | 0;
      g = (g + Math.imul(source[s + 1]!, weight)) | 0;
      b = (b + Math.imul(source[s + 2]!, weight)) | 0;
      s += 3;
    }
    out[to] = r >> PRECISION_BITS;
    out[to + 1] = g >> PRECISION_BITS;
    out[to + 2] = b >> PRECISION_BITS;
    to += 3;
  }
}

/**
 * Resamples rows of `bytes` bytes along y, to as many rows as the table has outputs; `from` begins at input `skipped`.
 */
export function verticalPass(
  table: Coefficients,
  from: Rows,
  to: Rows<Uint8ClampedArray>,
  bytes: number,
  skipped: number,
): void {
  for (let y = 0; y < table.starts.length; y++) {
    const start = from.offset + (table.starts[y]! - skipped) * from.stride;
    down(table, y * table.taps, from.data, start, from.stride, to.data, to.offset + y * to.stride, bytes);
  }
}

let sums = new Int32Array(0);

/** Four taps at a time: each pass over the row's sums costs as much as a tap. */
function down(
  { weights, taps }: Coefficients,
  first: number,
  source: Uint8Array | Uint8ClampedArray,
  start: number,
  stride: number,
  out: Uint8ClampedArray,
  to: number,
  bytes: number,
): void {
  if (sums.length < bytes) sums = new Int32Array(bytes);
  const acc = sums.fill(HALF, 0, bytes);
  for (let t = 0; t < taps; t += 4) {
    const left = taps - t;
    const w = first + t;
    const w0 = weights[w]!;
    const w1 = left > 1 ? weights[w + 1]! : 0;
    const w2 = left > 2 ? weights[w + 2]! : 0;
    const w3 = left > 3 ? weights[w + 3]! : 0;
    // A tap that is not there weighs nothing and reads where another one does, never outside the array.
    const s0 = start + t * stride;
    const s1 = left > 1 ? s0 + stride : s0;
    const s2 = left > 2 ? s1 + stride : s0;
    const s3 = left > 3 ? s2 + stride : s0;
    if (left > 4) {
      for (let i = 0; i < bytes; i++) {
        const sum = Math.imul(source[s0 + i]!, w0) + Math.imul(source[s1 + i]!, w1) + acc[i]!;
        acc[i] = (sum + Math.imul(source[s2 + i]!, w2) + Math.imul(source[s3 + i]!, w3)) | 0;
      }
    } else {
      for (let i = 0; i < bytes; i++) {
        const sum = Math.imul(source[s0 + i]!, w0) + Math.imul(source[s1 + i]!, w1) + acc[i]!;
        out[to + i] = (sum + Math.imul(source[s2 + i]!, w2) + Math.imul(source[s3 + i]!, w3)) >> PRECISION_BITS;
      }
    }
  }
}
