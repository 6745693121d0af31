import type { Coefficients } from "./filters.js";
import { type Passes, passesWith, placeTable, type TablePlace } from "./passes.js";
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

/** Addresses in the passes' memory, and where it may end. */
interface Places {
  readonly across: TablePlace;
  readonly down: TablePlace;
  /** Rows of the picture, as copied there. */
  readonly source: number;
  /** Rows behind the horizontal pass. */
  readonly narrowed: number;
  /** Rows behind the vertical pass. */
  readonly result: number;
  readonly end: number;
}

/** Columns of the picture that a crop is made of, and how many of their rows are copied at a time. */
interface Window {
  readonly left: number;
  /** Bytes of a row. */
  readonly bytes: number;
  readonly rows: number;
}

/**
 * Resamples along both axes, horizontally first, as Pillow does: band by band, so that memory does not grow with the picture. Only
 * rows and columns that the crop is made of are looked at.
 */
export function resampleBands(axes: Axes, from: Rows, to: Rows): void {
  const { columns, rows, crop } = axes;
  const bytes = crop.width * 3;
  // The horizontal pass writes a byte behind each row.
  const stride = aligned(bytes + 1);
  const bands = bandsOf(rows, crop, stride);
  const window = windowOf(columns, crop);
  const places = placesOf(axes, bands, window, stride);
  const { passes, memory } = passesWith(places.end);
  if (columns) placeTable(memory, columns, places.across, [0, crop.width]);

  const { narrowed, result, down } = places;
  let have = { top: 0, bottom: 0 };
  for (const { first, end, top, bottom } of bands) {
    // Rows that the last band has read too.
    const common = Math.max(0, have.bottom - top);
    const start = narrowed + (top - have.top) * stride;
    memory.copyWithin(narrowed, start, start + common * stride);
    const missing = { data: memory, offset: narrowed + common * stride, stride };
    narrow(axes, window, places, passes, from, top + common, missing, bottom - top - common);
    have = { top, bottom };
    const target = { ...to, offset: to.offset + first * to.stride };
    if (rows === null) {
      copyRows({ data: memory, offset: narrowed, stride }, target, end - first, bytes);
      continue;
    }
    placeTable(memory, rows, down, [first, end]);
    const origin = narrowed - top * stride;
    passes.down(origin, stride, down.starts, down.weights, end - first, rows.pairs, result, bytes, bytes);
    copyRows({ data: memory, offset: result, stride: bytes }, target, end - first, bytes);
  }
}

/** Brings rows of the picture from `top` on to the columns of the result. */
function narrow(
  { columns, crop }: Axes,
  window: Window,
  { across, source }: Places,
  passes: Passes,
  from: Rows,
  top: number,
  to: Rows,
  count: number,
): void {
  const first = from.offset + top * from.stride + window.left * 3;
  if (columns === null) {
    copyRows({ ...from, offset: first }, to, count, window.bytes);
    return;
  }
  const copy = { data: to.data, offset: source, stride: window.bytes };
  const origin = source - window.left * 3;
  for (let y = 0; y < count; y += window.rows) {
    const rows = Math.min(window.rows, count - y);
    copyRows({ ...from, offset: first + y * from.stride }, copy, rows, window.bytes);
    const target = to.offset + y * to.stride;
    const { starts, weights } = across;
    passes.across(origin, window.bytes, starts, weights, crop.width, columns.pairs, target, to.stride, rows);
  }
}

function windowOf(columns: Coefficients | null, crop: Box): Window {
  if (columns === null) return { left: crop.left, bytes: crop.width * 3, rows: 0 };
  const left = columns.starts[0]!;
  const bytes = (columns.starts.at(-1)! + columns.taps - left) * 3;
  // The horizontal pass takes rows by fours.
  return { left, bytes, rows: Math.max(4, Math.floor(CHUNK_BYTES / bytes / 4) * 4) };
}

function placesOf({ columns, rows, crop }: Axes, bands: readonly Band[], window: Window, stride: number): Places {
  let end = 0;
  // Both passes read and write up to a vector behind what they are asked for.
  const room = (bytes: number): number => {
    const start = end;
    end += aligned(bytes) + SIMD_BYTES;
    return start;
  };
  const roomFor = (table: Coefficients | null, count: number): TablePlace => ({
    starts: room(table ? count * 4 : 0),
    weights: room(table ? count * table.pairs * 8 : 0),
  });
  const most = (of: (band: Band) => number): number => bands.reduce((max, band) => Math.max(max, of(band)), 0);
  const outputs = most(({ first, end }) => end - first);
  return {
    across: roomFor(columns, crop.width),
    down: roomFor(rows, outputs),
    source: room(window.rows * window.bytes),
    // Up to three rows more are written, one more is read.
    narrowed: room((most(({ top, bottom }) => bottom - top) + 3) * stride),
    result: room(rows ? outputs * crop.width * 3 : 0),
    end,
  };
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
