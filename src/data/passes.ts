import { type Coefficients, PRECISION_BITS } from "./filters.js";

/** Rows of RGB bytes inside a larger array. */
export interface Rows<T extends Uint8Array | Uint8ClampedArray> {
  readonly data: T;
  /** Byte at which the first row begins. */
  readonly offset: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
}

// Sums stay inside 32 bits: |weights| add up to less than 1.7 * 2^22, a sample is below 2^8. Stores clamp to 0..255.
const HALF = 1 << (PRECISION_BITS - 1);

/**
 * Resamples `rows` rows from `from` to `to` along x, for the outputs `first` to `first + width - 1` of the table.
 * Both passes follow Pillow's Resample.c: fixed point, rounded to bytes after each.
 */
export function horizontalPass(
  table: Coefficients,
  from: Rows<Uint8Array>,
  to: Rows<Uint8ClampedArray>,
  first: number,
  width: number,
  rows: number,
): void {
  const pass = table.taps === 2 ? across2 : table.taps === 3 ? across3 : table.taps === 4 ? across4 : acrossAny;
  for (let y = 0; y < rows; y++) {
    pass(table, from.data, from.offset + y * from.stride, to.data, to.offset + y * to.stride, first, width);
  }
}

function acrossAny(
  { starts, weights, taps }: Coefficients,
  source: Uint8Array,
  row: number,
  out: Uint8ClampedArray,
  to: number,
  first: number,
  width: number,
): void {
  let w = first * taps;
  for (let x = first; x < first + width; x++) {
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

function across2(
  { starts, weights }: Coefficients,
  source: Uint8Array,
  row: number,
  out: Uint8ClampedArray,
  to: number,
  first: number,
  width: number,
): void {
  for (let x = first; x < first + width; x++) {
    const s = row + starts[x]! * 3;
    const w0 = weights[x * 2]!;
    const w1 = weights[x * 2 + 1]!;
    out[to] = (HALF + Math.imul(source[s]!, w0) + Math.imul(source[s + 3]!, w1)) >> PRECISION_BITS;
    out[to + 1] = (HALF + Math.imul(source[s + 1]!, w0) + Math.imul(source[s + 4]!, w1)) >> PRECISION_BITS;
    out[to + 2] = (HALF + Math.imul(source[s + 2]!, w0) + Math.imul(source[s + 5]!, w1)) >> PRECISION_BITS;
    to += 3;
  }
}

function across3(
  { starts, weights }: Coefficients,
  source: Uint8Array,
  row: number,
  out: Uint8ClampedArray,
  to: number,
  first: number,
  width: number,
): void {
  for (let x = first; x < first + width; x++) {
    const s = row + starts[x]! * 3;
    const w0 = weights[x * 3]!;
    const w1 = weights[x * 3 + 1]!;
    const w2 = weights[x * 3 + 2]!;
    for (let c = 0; c < 3; c++) {
      const sum = Math.imul(source[s + c]!, w0) + Math.imul(source[s + c + 3]!, w1) + Math.imul(source[s + c + 6]!, w2);
      out[to + c] = (HALF + sum) >> PRECISION_BITS;
    }
    to += 3;
  }
}

function across4(
  { starts, weights }: Coefficients,
  source: Uint8Array,
  row: number,
  out: Uint8ClampedArray,
  to: number,
  first: number,
  width: number,
): void {
  for (let x = first; x < first + width; x++) {
    const s = row + starts[x]! * 3;
    const w0 = weights[x * 4]!;
    const w1 = weights[x * 4 + 1]!;
    const w2 = weights[x * 4 + 2]!;
    const w3 = weights[x * 4 + 3]!;
    for (let c = 0; c < 3; c++) {
      const sum =
        Math.imul(source[s + c]!, w0) +
        Math.imul(source[s + c + 3]!, w1) +
        Math.imul(source[s + c + 6]!, w2) +
        Math.imul(source[s + c + 9]!, w3);
      out[to + c] = (HALF + sum) >> PRECISION_BITS;
    }
    to += 3;
  }
}

/**
 * Resamples along y: writes `rows` rows of `bytes` bytes for the outputs from `first` on. Row 0 of `from` is input
 * `skipped` of the table.
 */
export function verticalPass(
  table: Coefficients,
  from: Rows<Uint8Array | Uint8ClampedArray>,
  to: Rows<Uint8ClampedArray>,
  first: number,
  rows: number,
  bytes: number,
  skipped: number,
): void {
  const pass = table.taps === 2 ? down2 : table.taps === 3 ? down3 : table.taps === 4 ? down4 : downAny;
  for (let y = 0; y < rows; y++) {
    const start = from.offset + (table.starts[first + y]! - skipped) * from.stride;
    pass(
      table.weights,
      (first + y) * table.taps,
      table.taps,
      from.data,
      start,
      from.stride,
      to.data,
      to.offset + y * to.stride,
      bytes,
    );
  }
}

let sums = new Int32Array(0);

function downAny(
  weights: Int32Array,
  w: number,
  taps: number,
  source: Uint8Array | Uint8ClampedArray,
  start: number,
  stride: number,
  out: Uint8ClampedArray,
  to: number,
  bytes: number,
): void {
  if (sums.length < bytes) sums = new Int32Array(bytes);
  const acc = sums;
  acc.fill(HALF, 0, bytes);
  let t = 0;
  for (; t + 2 < taps; t += 3) {
    const w0 = weights[w + t]!;
    const w1 = weights[w + t + 1]!;
    const w2 = weights[w + t + 2]!;
    const s = start + t * stride;
    for (let i = 0; i < bytes; i++) {
      const sum =
        Math.imul(source[s + i]!, w0) +
        Math.imul(source[s + stride + i]!, w1) +
        Math.imul(source[s + 2 * stride + i]!, w2);
      acc[i] = (acc[i]! + sum) | 0;
    }
  }
  for (; t < taps; t++) {
    const w0 = weights[w + t]!;
    const s = start + t * stride;
    if (w0 === 0) continue;
    for (let i = 0; i < bytes; i++) acc[i] = (acc[i]! + Math.imul(source[s + i]!, w0)) | 0;
  }
  for (let i = 0; i < bytes; i++) out[to + i] = acc[i]! >> PRECISION_BITS;
}

function down2(
  weights: Int32Array,
  w: number,
  _taps: number,
  source: Uint8Array | Uint8ClampedArray,
  start: number,
  stride: number,
  out: Uint8ClampedArray,
  to: number,
  bytes: number,
): void {
  const w0 = weights[w]!;
  const w1 = weights[w + 1]!;
  const s1 = start + stride;
  for (let i = 0; i < bytes; i++) {
    out[to + i] = (HALF + Math.imul(source[start + i]!, w0) + Math.imul(source[s1 + i]!, w1)) >> PRECISION_BITS;
  }
}

function down3(
  weights: Int32Array,
  w: number,
  _taps: number,
  source: Uint8Array | Uint8ClampedArray,
  start: number,
  stride: number,
  out: Uint8ClampedArray,
  to: number,
  bytes: number,
): void {
  const w0 = weights[w]!;
  const w1 = weights[w + 1]!;
  const w2 = weights[w + 2]!;
  const s1 = start + stride;
  const s2 = s1 + stride;
  for (let i = 0; i < bytes; i++) {
    const sum = Math.imul(source[start + i]!, w0) + Math.imul(source[s1 + i]!, w1) + Math.imul(source[s2 + i]!, w2);
    out[to + i] = (HALF + sum) >> PRECISION_BITS;
  }
}

function down4(
  weights: Int32Array,
  w: number,
  _taps: number,
  source: Uint8Array | Uint8ClampedArray,
  start: number,
  stride: number,
  out: Uint8ClampedArray,
  to: number,
  bytes: number,
): void {
  const w0 = weights[w]!;
  const w1 = weights[w + 1]!;
  const w2 = weights[w + 2]!;
  const w3 = weights[w + 3]!;
  const s1 = start + stride;
  const s2 = s1 + stride;
  const s3 = s2 + stride;
  for (let i = 0; i < bytes; i++) {
    const sum =
      Math.imul(source[start + i]!, w0) +
      Math.imul(source[s1 + i]!, w1) +
      Math.imul(source[s2 + i]!, w2) +
      Math.imul(source[s3 + i]!, w3);
    out[to + i] = (HALF + sum) >> PRECISION_BITS;
  }
}
