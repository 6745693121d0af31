import type { Picture } from "../picture.js";

/** How a colour is read between pixels, by Pillow's names. */
export type AffineFilter = "nearest" | "bilinear" | "bicubic";

/** [a, b, c, d, e, f]: what comes to lie at (x, y) was at (ax + by + c, dx + ey + f); middles of pixels lie at halves. */
export type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** Red, green and blue, 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number];

/** How geometry is changed: the filter, and the colour of what lies outside of the picture. */
export interface Sampling {
  readonly filter: AffineFilter;
  readonly fill: Color;
}

/**
 * Moves the pixels of a picture in place, byte for byte as Pillow's `Image.transform(size, AFFINE, matrix, filter, fillcolor)`
 * (versions 5 to 13): `nearest` in fixed point of 16 bits, the others in doubles, cut off below the point. `nearest` is Pillow's
 * only where the matrix turns or shears; pictures of up to 16,384 pixels a side.
 */
export function transformAffine(picture: Picture, matrix: Matrix, { filter, fill }: Sampling): void {
  const source = { ...picture, data: picture.data.slice() };
  if (filter === "nearest") transformNearest(source, matrix, fill, picture.data);
  else transformBetween(source, matrix, fill, picture.data, filter === "bilinear" ? readBilinear : readBicubic);
}

function transformNearest({ width, height, data: from }: Picture, matrix: Matrix, fill: Color, to: Uint8Array): void {
  const [a, b, c, d, e, f] = matrix;
  const fixed = (value: number): number => Math.floor(value * 65536 + 0.5);
  const [stepX, stepY, rowX, rowY] = [fixed(a), fixed(d), fixed(b), fixed(e)];
  const startX = fixed(c + a * 0.5 + b * 0.5);
  const startY = fixed(f + d * 0.5 + e * 0.5);
  for (let y = 0, at = 0; y < height; y++) {
    let atX = startX + y * rowX;
    let atY = startY + y * rowY;
    for (let x = 0; x < width; x++, at += 3, atX += stepX, atY += stepY) {
      const [column, row] = [atX >> 16, atY >> 16];
      const inside = column >= 0 && column < width && row >= 0 && row < height;
      const place = (row * width + column) * 3;
      for (let i = 0; i < 3; i++) to[at + i] = inside ? from[place + i]! : fill[i]!;
    }
  }
}

/** The pixels of a row that lie inside of the source: where they are written, and where they are read, less half a pixel. */
interface Inside {
  count: number;
  readonly at: Int32Array;
  readonly xs: Float64Array;
  readonly ys: Float64Array;
}

type Read = (source: Picture, inside: Inside, to: Uint8Array) => void;

function transformBetween(source: Picture, matrix: Matrix, fill: Color, to: Uint8Array, read: Read): void {
  const { width, height } = source;
  const [a, b, c, d, e, f] = matrix;
  const inside = { count: 0, at: new Int32Array(width), xs: new Float64Array(width), ys: new Float64Array(width) };
  for (let y = 0; y < height; y++) {
    inside.count = 0;
    for (let x = 0; x < width; x++) {
      const fromX = a * (x + 0.5) + b * (y + 0.5) + c;
      const fromY = d * (x + 0.5) + e * (y + 0.5) + f;
      const at = (y * width + x) * 3;
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) {
        for (let i = 0; i < 3; i++) to[at + i] = fill[i]!;
      } else {
        inside.at[inside.count] = at;
        inside.xs[inside.count] = fromX - 0.5;
        inside.ys[inside.count++] = fromY - 0.5;
      }
    }
    read(source, inside, to);
  }
}

// What Pillow does at edges, there case by case, is to take the nearest column and row that there are.

function readBilinear({ width, height, data: from }: Picture, { count, at, xs, ys }: Inside, to: Uint8Array): void {
  for (let i = 0; i < count; i++) {
    const x = Math.floor(xs[i]!);
    const y = Math.floor(ys[i]!);
    const dx = xs[i]! - x;
    const dy = ys[i]! - y;
    const left = Math.max(x, 0) * 3;
    const right = Math.min(x + 1, width - 1) * 3;
    const upper = Math.max(y, 0) * width * 3;
    const lower = Math.min(y + 1, height - 1) * width * 3;
    for (let channel = 0; channel < 3; channel++) {
      const above = between(from[upper + left + channel]!, from[upper + right + channel]!, dx);
      const below = between(from[lower + left + channel]!, from[lower + right + channel]!, dx);
      to[at[i]! + channel] = between(above, below, dy);
    }
  }
}

const between = (a: number, b: number, share: number): number => a + (b - a) * share;

function readBicubic({ width, height, data: from }: Picture, { count, at, xs, ys }: Inside, to: Uint8Array): void {
  const right = width - 1;
  const lowest = height - 1;
  const stride = width * 3;
  for (let i = 0; i < count; i++) {
    const x = Math.floor(xs[i]!);
    const y = Math.floor(ys[i]!);
    const dx = xs[i]! - x;
    const dy = ys[i]! - y;
    // Inside, x lies from -1 to the last column, and y so too.
    const c0 = Math.max(x - 1, 0) * 3;
    const c1 = Math.max(x, 0) * 3;
    const c2 = Math.min(x + 1, right) * 3;
    const c3 = Math.min(x + 2, right) * 3;
    for (let channel = 0; channel < 3; channel++) {
      const here = Math.max(y, 0) * stride + channel;
      let value = cubic(from[here + c0]!, from[here + c1]!, from[here + c2]!, from[here + c3]!, dx);
      // Shears and shifts along the width stay in a row.
      if (dy !== 0) {
        const above = Math.max(y - 1, 0) * stride + channel;
        const below = Math.min(y + 1, lowest) * stride + channel;
        const last = Math.min(y + 2, lowest) * stride + channel;
        value = cubic(
          cubic(from[above + c0]!, from[above + c1]!, from[above + c2]!, from[above + c3]!, dx),
          value,
          cubic(from[below + c0]!, from[below + c1]!, from[below + c2]!, from[below + c3]!, dx),
          cubic(from[last + c0]!, from[last + c1]!, from[last + c2]!, from[last + c3]!, dx),
          dy,
        );
      }
      to[at[i]! + channel] = Math.max(0, Math.min(value, 255));
    }
  }
}

/** Pillow's cubic through four values, between the second and the third; at a share of 0 it is the second. */
function cubic(a: number, b: number, c: number, d: number, share: number): number {
  if (share === 0) return b;
  const first = c - a;
  const second = 2 * (a - b) + c - d;
  const third = b - a - c + d;
  return b + share * (first + share * (second + share * third));
}
