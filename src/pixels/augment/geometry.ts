import type { Picture } from "../picture.js";
import { type Matrix, type Sampling, transformAffine } from "./affine.js";

/**
 * Turns a picture in place about its middle, byte for byte as Pillow's `Image.rotate(degrees, filter, fillcolor)`.
 * @param degrees - counterclockwise
 */
export function rotate(picture: Picture, degrees: number, sampling: Sampling): void {
  const { width, height } = picture;
  // Python's remainder, which is not negative.
  const rest = degrees % 360;
  const angle = rest < 0 ? rest + 360 : rest;
  if (angle === 0) return;
  if (angle === 180 || ((angle === 90 || angle === 270) && width === height)) {
    quarterTurns(picture, angle / 90);
    return;
  }
  const radians = -(angle * (Math.PI / 180));
  const cos = rounded(Math.cos(radians));
  const sin = rounded(Math.sin(radians));
  const [middleX, middleY] = [width / 2, height / 2];
  const c = cos * -middleX + sin * -middleY + middleX;
  const f = -sin * -middleX + cos * -middleY + middleY;
  transformAffine(picture, [cos, sin, c, -sin, cos, f], sampling);
}

/** Python's `round(x, 15)`. */
const rounded = (x: number): number => Number(x.toFixed(15));

/** Pillow's transpositions, which take no filter. A picture that is not square takes two turns alone. */
function quarterTurns({ width, height, data }: Picture, turns: number): void {
  const from = data.slice();
  const last = from.length / 3 - 1;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const quarter = x * width + (width - 1 - y);
      const place = turns === 2 ? last - at : turns === 1 ? quarter : last - quarter;
      for (let i = 0; i < 3; i++) data[at * 3 + i] = from[place * 3 + i]!;
    }
  }
}

/** Pushes each row to the left by `factor` times its distance from the top: timm's `shear_x`. */
export function shearX(picture: Picture, factor: number, sampling: Sampling): void {
  transformAffine(picture, [1, factor, 0, 0, 1, 0], sampling);
}

/** Pushes each column up by `factor` times its distance from the left: timm's `shear_y`. */
export function shearY(picture: Picture, factor: number, sampling: Sampling): void {
  transformAffine(picture, [1, 0, 0, factor, 1, 0], sampling);
}

/** Shifts to the left by a share of the width: timm's `translate_x_rel`. Not with `nearest`. */
export function translateX(picture: Picture, share: number, sampling: Sampling): void {
  transformAffine(picture, [1, 0, share * picture.width, 0, 1, 0], sampling);
}

/** Shifts up by a share of the height: timm's `translate_y_rel`. Not with `nearest`. */
export function translateY(picture: Picture, share: number, sampling: Sampling): void {
  const matrix: Matrix = [1, 0, 0, 0, 1, share * picture.height];
  transformAffine(picture, matrix, sampling);
}
