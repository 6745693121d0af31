import type { FileHandle } from "node:fs/promises";
import { DataError } from "../errors.js";
import { openAside, openFile, readRange } from "../files.js";

/** Types of elements that are read; all little-endian. */
const TYPES = {
  "<f4": Float32Array,
  "<f8": Float64Array,
  "<i4": Int32Array,
  "<i8": BigInt64Array,
  "<u4": Uint32Array,
  "<u8": BigUint64Array,
  "<u2": Uint16Array,
  "<i2": Int16Array,
  "|u1": Uint8Array,
  "|i1": Int8Array,
} as const;
type Descr = keyof typeof TYPES;

/** Elements of a .npy file as they are read. */
export type NpyArray = InstanceType<(typeof TYPES)[Descr]>;

/** An array of numbers in a .npy file, read row by row. */
export interface Npy {
  /** numpy's name of the type, such as `<f4`. */
  readonly descr: Descr;
  readonly shape: readonly number[];
  /**
   * Elements of rows `from` to `to` - 1; a row is what one index of the first axis has.
   * @throws {DataError} where the file was cut since it was opened
   */
  rows(from: number, to: number): Promise<NpyArray>;
  close(): Promise<void>;
}

/** Headers are some hundred bytes; numpy itself takes none above 10,000 that it does not trust. */
const MAX_HEADER = 10_000;

/**
 * Opens a .npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0 to 3.0) in C order. What
 * its header claims must be what the file holds, to the byte; nothing is allocated by the header's word, and nothing in it is run.
 * @param what - what the file should hold, for messages, such as `softmax`
 * @throws {DataError} where it is something else, pickled, in Fortran order, big-endian, of another type, cut short or too long
 */
export async function openNpy(path: string, what: string): Promise<Npy> {
  const file = await openFile(path, what);
  try {
    return await parseNpy(file, `${what} "${path}"`);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function parseNpy(file: FileHandle, where: string): Promise<Npy> {
  const { size } = await file.stat();
  const { text, start } = await headerOf(file, size, where);
  const { descr, shape } = parseHeader(text, where);
  const Type = TYPES[descr];
  const rowLength = shape.slice(1).reduce((a, b) => a * b, 1);
  const bytes = shape[0]! * rowLength * Type.BYTES_PER_ELEMENT;
  if (bytes !== size - start) {
    throw new DataError(
      `${where} claims [${shape.join(", ")}] of ${descr}, ${bytes} bytes, but ${size - start} follow its header; it is ${bytes > size - start ? "cut short" : "damaged"}.`,
    );
  }
  return {
    descr,
    shape,
    async rows(from, to) {
      const values = new Type((to - from) * rowLength);
      const into = new Uint8Array(values.buffer);
      await readRange(file, where, start + from * rowLength * Type.BYTES_PER_ELEMENT, into);
      return values;
    },
    close: () => file.close(),
  };
}

async function headerOf(file: FileHandle, size: number, where: string): Promise<{ text: string; start: number }> {
  const prefix = await readRange(file, where, 0, new Uint8Array(Math.min(12, size)));
  const view = new DataView(prefix.buffer);
  const magic = String.fromCharCode(...prefix.subarray(0, 6));
  if (magic !== "\x93NUMPY" || size < 12)
    throw new DataError(`${where} is no .npy file; give one that numpy.save or \`fixres extract\` wrote.`);
  const [major, minor] = [view.getUint8(6), view.getUint8(7)];
  if (![1, 2, 3].includes(major) || minor !== 0)
    throw new DataError(`${where} is of .npy version ${major}.${minor}; 1.0, 2.0 and 3.0 are read.`);
  const [length, begin] = major === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  if (length > MAX_HEADER || begin + length > size) {
    throw new DataError(
      `${where} claims a header of ${length} bytes, more than ${length > MAX_HEADER ? "any such file needs" : "it holds"}; it is damaged.`,
    );
  }
  const bytes = await readRange(file, where, begin, new Uint8Array(length));
  return { text: Buffer.from(bytes).toString("latin1"), start: begin + length };
}

/** The header is a Python dictionary; only the plain form that numpy writes is taken. */
function parseHeader(text: string, where: string): { descr: Descr; shape: number[] } {
  const entry = (key: string, value: string): string | undefined =>
    new RegExp(`['"]${key}['"]\\s*:\\s*${value}`).exec(text)?.[1];
  const order = entry("fortran_order", "(True|False)");
  const dimensions = entry("shape", "\\(([\\d,\\sL]*)\\)");
  if (!/^\s*\{.*\}\s*$/s.test(text) || order === undefined || dimensions === undefined)
    throw new DataError(
      `${where} has a header that numpy does not write: ${JSON.stringify(text.trim().slice(0, 80))}.`,
    );
  const descr = entry("descr", "['\"]([^'\"]*)['\"]") ?? "a record";
  if (descr.includes("O"))
    throw new DataError(`${where} holds pickled Python objects, which are not read; save it as numbers.`);
  if (!Object.hasOwn(TYPES, descr)) {
    throw new DataError(`${where} holds elements of type ${descr}; those read are ${Object.keys(TYPES).join(", ")}.`);
  }
  const shape = dimensions.split(",").flatMap((part) => (part.trim() === "" ? [] : [Number(part.replace("L", ""))]));
  if (
    shape.length === 0 ||
    !shape.every(Number.isSafeInteger) ||
    !Number.isSafeInteger(shape.reduce((a, b) => a * b, 8))
  )
    throw new DataError(
      `${where} has the shape (${dimensions}); an array of one axis or more is needed, of possible size.`,
    );
  if (order === "True" && shape.length > 1)
    throw new DataError(`${where} is in Fortran order; save numpy.ascontiguousarray of it.`);
  return { descr: descr as Descr, shape };
}

/** A .npy file that is written row by row, and takes its place when it is complete. */
export interface NpyWriter {
  /** @param values - elements of whole rows */
  append(values: Float32Array | BigInt64Array): Promise<void>;
  commit(): Promise<void>;
  /** Removes what was written; does nothing after `commit`. */
  discard(): Promise<void>;
}

/** Digits that the number of rows may come to have; numpy leaves room for so many. */
const ROW_DIGITS = 21;

/**
 * Begins a .npy file of version 1.0, byte for byte as `numpy.save` writes it. How many rows it has is known at the end.
 * @param rowShape - shape of a row, [] where rows are numbers
 * @throws {RequestError} where the path cannot be written to
 */
export async function createNpy(path: string, descr: "<f4" | "<i8", rowShape: readonly number[]): Promise<NpyWriter> {
  const file = await openAside(path);
  const rowLength = rowShape.reduce((a, b) => a * b, 1);
  let rows = 0;
  await file.write(header(descr, [0, ...rowShape]));
  return {
    async append(values) {
      rows += values.length / rowLength;
      await file.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    },
    async commit() {
      await file.write(header(descr, [rows, ...rowShape]), 0);
      await file.commit();
    },
    discard: () => file.discard(),
  };
}

/** Padded, so that data begin at a multiple of 64 and the header is as long for any number of rows. */
function header(descr: string, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const growth = " ".repeat(ROW_DIGITS - String(shape[0]).length);
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }${growth}`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const bytes = Buffer.alloc(10 + length, " ");
  bytes.write("\x93NUMPY\x01\x00", "latin1");
  bytes.writeUInt16LE(length, 8);
  bytes.write(text, 10, "latin1");
  bytes.write("\n", 10 + length - 1);
  return bytes;
}
