/**
 * The two passes of a resize as Pillow's Resample.c has them, in AssemblyScript (`npm run kernels` compiles it): fixed point, 22 bits
 * after the point, rounded to bytes after each pass. Sums are modulo 2^32, inside which they stay.
 *
 * A weight w has 24 bits, a SIMD product of pairs takes 16: w = high * 2^16 + low, both signed, and so have sums. Weights come by
 * pairs of taps: [low0, low1, high0, high1] of 16 bits. Of an odd number of taps the last one weighs nothing.
 */

const PRECISION_BITS: i32 = 22;

/** Bytes of one pair of weights. */
const PAIR: usize = 8;

/** The sums of four samples, rounded; what lies outside 0..255 is clamped when narrowed. */
function rounded(low: v128, high: v128): v128 {
  const sum = i32x4.add(low, i32x4.shl(high, 16));
  return i32x4.shr_s(i32x4.add(sum, i32x4.splat(1 << (PRECISION_BITS - 1))), PRECISION_BITS);
}

/** Two RGB pixels as pairs of 16 bits a channel: r0 r1 g0 g1 b0 b1 0 0; a loaded vector's further bytes are left out. */
function paired(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
}

/**
 * Resamples RGB rows along x, four at a time: behind the last row, up to three more are read and written.
 * @param from - first byte of the first row's first pixel; a row's last pixel may be followed by 5 bytes that are read
 * @param starts - i32 [count], first pixel that each output reads  @param weights - [count, pairs, 4] of 16 bits
 * @param to - rows [rows, count, 3]; behind the last pixel of each a byte is written
 */
export function across(
  from: usize,
  fromStride: usize,
  starts: usize,
  weights: usize,
  count: i32,
  pairs: i32,
  to: usize,
  toStride: usize,
  rows: i32,
): void {
  for (let y = 0; y < rows; y += 4) {
    let w = weights;
    let out = to;
    for (let x = 0; x < count; x++) {
      let s0 = from + <usize>load<i32>(starts + ((<usize>x) << 2)) * 3;
      let s1 = s0 + fromStride;
      let s2 = s1 + fromStride;
      let s3 = s2 + fromStride;
      let low0 = i32x4.splat(0);
      let low1 = low0;
      let low2 = low0;
      let low3 = low0;
      let high0 = low0;
      let high1 = low0;
      let high2 = low0;
      let high3 = low0;
      for (let t = 0; t < pairs; t++) {
        const low = v128.load32_splat(w);
        const high = v128.load32_splat(w, 4);
        const p0 = paired(v128.load64_zero(s0));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(p0, low));
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(p0, high));
        const p1 = paired(v128.load64_zero(s1));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(p1, low));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(p1, high));
        const p2 = paired(v128.load64_zero(s2));
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(p2, low));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(p2, high));
        const p3 = paired(v128.load64_zero(s3));
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(p3, low));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(p3, high));
        s0 += 6;
        s1 += 6;
        s2 += 6;
        s3 += 6;
        w += PAIR;
      }
      const first = i16x8.narrow_i32x4_s(rounded(low0, high0), rounded(low1, high1));
      const second = i16x8.narrow_i32x4_s(rounded(low2, high2), rounded(low3, high3));
      const bytes = i8x16.narrow_i16x8_u(first, second);
      v128.store32_lane(out, bytes, 0);
      v128.store32_lane(out + toStride, bytes, 1);
      v128.store32_lane(out + toStride * 2, bytes, 2);
      v128.store32_lane(out + toStride * 3, bytes, 3);
      out += 3;
    }
    from += fromStride * 4;
    to += toStride * 4;
  }
}

/**
 * Resamples rows of bytes along y, 16 columns at a time: behind the last column, up to 15 more are read and written.
 * @param from - row 0 of `starts`; behind the last row that is needed one more may be read, to weigh nothing
 * @param starts - i32 [count], first row that each output reads  @param weights - [count, pairs, 4] of 16 bits
 * @param to - rows [count, bytes], which are written in that order
 */
export function down(
  from: usize,
  fromStride: usize,
  starts: usize,
  weights: usize,
  count: i32,
  pairs: i32,
  to: usize,
  toStride: usize,
  bytes: usize,
): void {
  for (let y = 0; y < count; y++) {
    const start = from + <usize>load<i32>(starts + ((<usize>y) << 2)) * fromStride;
    for (let i: usize = 0; i < bytes; i += 16) {
      let s = start + i;
      let w = weights;
      let low0 = i32x4.splat(0);
      let low1 = low0;
      let low2 = low0;
      let low3 = low0;
      let high0 = low0;
      let high1 = low0;
      let high2 = low0;
      let high3 = low0;
      for (let t = 0; t < pairs; t++) {
        const low = v128.load32_splat(w);
        const high = v128.load32_splat(w, 4);
        const upper = v128.load(s);
        const lower = v128.load(s + fromStride);
        const left = i8x16.shuffle(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const p0 = i16x8.extend_low_i8x16_u(left);
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(p0, low));
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(p0, high));
        const p1 = i16x8.extend_high_i8x16_u(left);
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(p1, low));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(p1, high));
        const right = i8x16.shuffle(upper, lower, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const p2 = i16x8.extend_low_i8x16_u(right);
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(p2, low));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(p2, high));
        const p3 = i16x8.extend_high_i8x16_u(right);
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(p3, low));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(p3, high));
        s += fromStride * 2;
        w += PAIR;
      }
      const first = i16x8.narrow_i32x4_s(rounded(low0, high0), rounded(low1, high1));
      const second = i16x8.narrow_i32x4_s(rounded(low2, high2), rounded(low3, high3));
      v128.store(to + i, i8x16.narrow_i16x8_u(first, second));
    }
    weights += <usize>pairs * PAIR;
    to += toStride;
  }
}
