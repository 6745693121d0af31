import { RequestError } from "../errors.js";
import type { Random } from "../random.js";
import type { Picture } from "./picture.js";

/** How a picture becomes a square of bytes. */
export interface Transform {
  /** Side of the square, px. */
  readonly resolution: number;
  /** True where the same picture always gives the same bytes, so that what is computed from them may be kept. */
  readonly deterministic: boolean;
  /** Whether the picture is to be turned as its EXIF block says before it comes here; false unless given. */
  readonly exifOrientation?: boolean;
  /** Writes all bytes [resolution, resolution, 3] at `offset`, whatever was there. @param random - the picture's own stream */
  apply(picture: Picture, out: Uint8Array, offset: number, random: Random): void;
}

/** A transform that uses no randomness. */
export interface FixedTransform extends Transform {
  readonly deterministic: true;
  apply(picture: Picture, out: Uint8Array, offset: number): void;
}

/**
 * Checks the side of a transform's square.
 * @throws {RequestError} if it is not a positive integer
 */
export function assertResolution(resolution: number): void {
  if (!Number.isSafeInteger(resolution) || resolution < 1) {
    throw new RequestError(`the resolution is ${resolution}; give a whole number of pixels, such as 224.`);
  }
}

/** Python's round(): halves go to the even neighbour. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}
