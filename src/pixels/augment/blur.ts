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
  const rows = linesOf(width, 3, box);
  const columns = linesOf(height, width * 3, box);
  let from = data;
  let to: Uint8Array = new Uint8Array(data.length);
  // After an even number of passes the last has written to `data`.
  for (let pass = 0; pass < 2 * PASSES; pass++) {
    if (pass < PASSES) for (let y = 0; y < height; y++) blurLine(from, to, y * width * 3, rows, box);
    else blurLine(from, to, 0, columns, box);
    [from, to] = [to, from];
  }
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

/** Lines of `count` groups of bytes; what is blurred with a byte are those at its place in other groups. */
interface Lines {
  readonly count: number;
  readonly group: number;
  /** Groups one before the box, last in it, and one behind it. */
  readonly before: Int32Array;
  readonly last: Int32Array;
  readonly after: Int32Array;
}

function linesOf(count: number, group: number, { whole }: HalfBox): Lines {
  const offsets = (beside: number): Int32Array =>
    Int32Array.from({ length: count }, (_, i) => Math.min(Math.max(i + beside, 0), count - 1) * group);
  return { count, group, before: offsets(-whole - 1), last: offsets(whole), after: offsets(whole + 1) };
}

/** One box along the line that begins at `start`. */
function blurLine(
  from: Uint8Array,
  to: Uint8Array,
  start: number,
  { count, group, before, last, after }: Lines,
  { whole, weight, endWeight }: HalfBox,
): void {
  const sums = new Int32Array(group);
  // The box one before the first.
  for (let i = -whole - 1; i < whole; i++) {
    const place = start + Math.min(Math.max(i, 0), count - 1) * group;
    for (let lane = 0; lane < group; lane++) sums[lane]! += from[place + lane]!;
  }
  for (let i = 0; i < count; i++) {
    const [left, right, behind] = [start + before[i]!, start + last[i]!, start + after[i]!];
    const out = start + i * group;
    for (let lane = 0; lane < group; lane++) {
      const first = from[left + lane]!;
      const sum = sums[lane]! + from[right + lane]! - first;
      sums[lane] = sum;
      // Below 2^32, and so exact as it stands.
      const ends = Math.imul(first + from[behind + lane]!, endWeight);
      to[out + lane] = (Math.imul(sum, weight) + ends + 0x800000) >>> 24;
    }
  }
}
