import type { Coefficients } from "./filters.js";
import { passesWith, placeTable, type TablePlace } from "./passes.js";
import type { Box } from "./picture.js";

/** Rows of RGB bytes inside a larger array. */
export interface Rows {
  readonly data: Uint8Array;
  /** Byte at which the first row begins. */
  readonly offset: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
}

/** What is done along each axis, at least along one; null where it keeps its length: every filter would leave it as it is. */
export interface Axes {
  readonly columns: Coefficients | null;
  readonly rows: Coefficients | null;
  /** The part of the result that is wanted; the tables are of its columns and rows. */
  readonly crop: Box;
}

/** Outputs `first` to `end` of the vertical axis, and what they read of the rows behind the horizontal pass. */
interface Band {
  readonly first: number;
  readonly end: number;
  readonly top: number;
  readonly bottom: number;
}

/** What a band takes stays in a core's cache; a row that needs more has it. */
const BAND_BYTES = 1 << 20;

/** Rows of the picture that are copied at a time take about so much. */
const CHUNK_BYTES = 1 << 17;

const SIMD_BYTES = 16;
const aligned = (bytes: number): number => Math.ceil(bytes / SIMD_BYTES) * SIMD_BYTES;

/**
 * Resamples along both axes, horizontally first, as Pillow does: band by band, so that memory does not grow with the picture. Only
 * rows and columns that the crop is made of are looked at.
 */
export function resampleBands({ columns, rows, crop }: Axes, from: Rows, to: Rows): void {
  const bytes = crop.width * 3;
  // The horizontal pass writes a byte behind each row.
  const stride = aligned(bytes + 1);
  const bands = bandsOf(rows, crop, stride);
  const most = (of: (band: Band) => number): number => bands.reduce((max, band) => Math.max(max, of(band)), 0);
  const outputs = most(({ first, end }) => end - first);
  const left = columns ? columns.starts[0]! : crop.left;
  const window = (columns ? columns.starts.at(-1)! + columns.taps - left : crop.width) * 3;
  // The horizontal pass takes rows by fours.
  const chunk = columns ? Math.max(4, Math.floor(CHUNK_BYTES / window / 4) * 4) : 0;

  let end = 0;
  const room = (size: number): number => {
    const start = end;
    end += aligned(size) + SIMD_BYTES;
    return start;
  };
  const roomFor = (table: Coefficients | null, count: number): TablePlace => ({
    starts: room(table ? count * 4 : 0),
    weights: room(table ? count * table.pairs * 8 : 0),
  });
  const across = roomFor(columns, crop.width);
  const down = roomFor(rows, outputs);
  const source = room(chunk * window);
  const narrowed = room((most(({ top, bottom }) => bottom - top) + 4) * stride);
  const result = room(rows ? outputs * bytes : 0);
  const { passes, memory } = passesWith(end);

  if (columns) placeTable(memory, columns, across, [0, crop.width]);
  /** Rows `top` to `bottom` of the picture, with the result's columns. */
  const narrow = (top: number, bottom: number, at: number): void => {
    const first = { ...from, offset: from.offset + top * from.stride + left * 3 };
    if (columns === null) {
      copyRows(first, { data: memory, offset: at, stride }, bottom - top, window);
      return;
    }
    for (let y = top; y < bottom; y += chunk) {
      const count = Math.min(chunk, bottom - y);
      const offset = first.offset + (y - top) * from.stride;
      copyRows({ ...first, offset }, { data: memory, offset: source, stride: window }, count, window);
      const begin = source - left * 3;
      const target = at + (y - top) * stride;
      passes.across(begin, window, across.starts, across.weights, crop.width, columns.pairs, target, stride, count);
    }
  };

  let have = { top: 0, bottom: 0 };
  for (const { first, end, top, bottom } of bands) {
    // Rows that the last band has read too.
    const common = Math.max(0, have.bottom - top);
    const start = narrowed + (top - have.top) * stride;
    memory.copyWithin(narrowed, start, start + common * stride);
    narrow(top + common, bottom, narrowed + common * stride);
    have = { top, bottom };
    const target = { ...to, offset: to.offset + first * to.stride };
    if (rows === null) {
      copyRows({ data: memory, offset: narrowed, stride }, target, end - first, bytes);
      continue;
    }
    placeTable(memory, rows, down, [first, end]);
    const begin = narrowed - top * stride;
    passes.down(begin, stride, down.starts, down.weights, end - first, rows.pairs, result, bytes, bytes);
    copyRows({ data: memory, offset: result, stride: bytes }, target, end - first, bytes);
  }
}

/** As many output rows a band as fit with what they are made of, but at least one. */
function bandsOf(rows: Coefficients | null, { top, height }: Box, stride: number): Band[] {
  const topOf = (y: number): number => (rows ? rows.starts[y]! : top + y);
  const bottomOf = (y: number): number => topOf(y) + (rows?.taps ?? 1);
  const perOutput = stride + (rows?.pairs ?? 0) * 8;
  const bands: Band[] = [];
  for (let first = 0, end = 1; first < height; first = end++) {
    const fits = (): boolean => (bottomOf(end) - topOf(first)) * stride + (end + 1 - first) * perOutput <= BAND_BYTES;
    while (end < height && fits()) end++;
    bands.push({ first, end, top: topOf(first), bottom: bottomOf(end - 1) });
  }
  return bands;
}

/** Copies rows of `bytes` bytes. */
export function copyRows(from: Rows, to: Rows, rows: number, bytes: number): void {
  if (from.stride === bytes && to.stride === bytes) {
    to.data.set(from.data.subarray(from.offset, from.offset + rows * bytes), to.offset);
    return;
  }
  for (let y = 0; y < rows; y++) {
    const start = from.offset + y * from.stride;
    to.data.set(from.data.subarray(start, start + bytes), to.offset + y * to.stride);
  }
}
