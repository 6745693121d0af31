import { RequestError } from "../errors.js";
import { copyRows, type Rows, resampleBands } from "./bands.js";
import { assertFilter, coefficients, type Filter } from "./filters.js";
import type { Box, Picture } from "./picture.js";

/** A resize of a picture or of a box of it, of which only a crop is kept. */
export interface Resampling {
  /** Width to which the box is resized, px. */
  readonly width: number;
  /** Height to which the box is resized, px. */
  readonly height: number;
  readonly filter: Filter;
  /** The part of the source that is resized, as if cut out before (default: all of it). */
  readonly box?: Box;
  /** The part of the resized picture that is wanted (default: all of it). */
  readonly crop?: Box;
  /** Whether left and right change places at the end. */
  readonly mirror?: boolean;
}

/**
 * The picture at another size, byte for byte as Pillow's `Image.resize` makes it (antialiased), up to version 12. Pillow
 * 13 runs the vertical pass first where the height shrinks much more than the width (python-pillow/Pillow#9549), which
 * moves some bytes, mostly by 1.
 * @param width - px, at least 1  @param height - px, at least 1
 * @throws {RequestError} if the filter is unknown or a length is not a positive integer
 */
export function resize(picture: Picture, width: number, height: number, filter: Filter): Picture {
  assertLength("width", width);
  assertLength("height", height);
  assertFilter(filter);
  const data = new Uint8Array(width * height * 3);
  resizeInto(picture, { width, height, filter }, data, 0);
  return { width, height, data };
}

function assertLength(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RequestError(`Cannot resize to a ${name} of ${value}; give a whole number of pixels, at least 1.`);
  }
}

/**
 * Resizes, crops and mirrors in one go, computing only the rows and columns that the crop keeps; the bytes are those of
 * Pillow's `crop(box)`, `resize`, `crop(crop)`. The request is trusted: boxes must lie inside.
 * @param out - takes bytes [crop.height, crop.width, 3]  @param offset - of the first byte in `out`
 * @param stride - bytes from one row of `out` to the next (default: no gap)
 */
export function resizeInto(
  picture: Picture,
  request: Resampling,
  out: Uint8Array,
  offset: number,
  stride = (request.crop?.width ?? request.width) * 3,
): void {
  const { width, height, filter } = request;
  const box = request.box ?? { left: 0, top: 0, width: picture.width, height: picture.height };
  const crop = request.crop ?? { left: 0, top: 0, width, height };
  // An axis that keeps its length needs no pass: every filter would leave it as it is.
  const columns =
    box.width === width ? null : coefficients(box.width, width, filter, { first: crop.left, count: crop.width });
  const rows =
    box.height === height ? null : coefficients(box.height, height, filter, { first: crop.top, count: crop.height });
  const to = { data: out, offset, stride };
  const from = { data: picture.data, offset: (box.top * picture.width + box.left) * 3, stride: picture.width * 3 };
  if (columns || rows) resampleBands({ columns, rows, crop }, from, to);
  else {
    const corner = from.offset + crop.top * from.stride + crop.left * 3;
    copyRows({ ...from, offset: corner }, to, crop.height, crop.width * 3);
  }
  if (request.mirror) mirrorRows(to, crop.height, crop.width);
}

function mirrorRows({ data, offset, stride }: Rows, rows: number, width: number): void {
  for (let y = 0; y < rows; y++) {
    let left = offset + y * stride;
    let right = left + (width - 1) * 3;
    for (; left < right; left += 3, right -= 3) {
      for (let c = 0; c < 3; c++) {
        const byte = data[left + c]!;
        data[left + c] = data[right + c]!;
        data[right + c] = byte;
      }
    }
  }
}
