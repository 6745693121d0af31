/** Halves of float32 numbers, and the numbers again. */

const bits = new Uint32Array(1);
const number = new Float32Array(bits.buffer);

/** Numbers as the bits of IEEE half precision: the nearest one, of two as near the even one; beyond 65,504 infinity. */
export function toFloat16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, (value) => {
    number[0] = value;
    const sign = (bits[0]! >>> 16) & 0x8000;
    const magnitude = bits[0]! & 0x7fffffff;
    if (magnitude > 0x7f800000) return sign | 0x7e00;
    // From half of the last step beyond the largest number on.
    if (magnitude >= 0x477ff000) return sign | 0x7c00;
    // Below the smallest normal number, in steps of 2^-24; the sum rounds to them.
    if (magnitude < 0x38800000) {
      bits[0] = magnitude;
      number[0]! += 0.5;
      return sign | (bits[0]! - 0x3f000000);
    }
    const odd = (magnitude >>> 13) & 1;
    return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
  });
}
