import { inflateSync } from "node:zlib";
import { DataError, reason } from "../errors.js";

/** Data types and array classes of the MAT-file format, level 5. */
const MATRIX = 14;
const COMPRESSED = 15;
const CLASS = { struct: 2, char: 4, double: 6, lastNumeric: 15 } as const;
const HEADER_BYTES = 128;

/** Most bytes of a variable, unfolded. */
const MOST_BYTES = 256 << 20;

interface Element {
  readonly type: number;
  readonly data: Uint8Array;
  /** Where the next one begins. */
  readonly end: number;
}

/**
 * Fields of a struct array in a MAT-file of level 5 (MathWorks, "MAT-File Format"): of each field its values, texts or single numbers.
 * @param variable - name of the struct array
 * @throws {DataError} where the file is of another kind, damaged, or lacks the variable or a field
 */
export function readMatlab(
  bytes: Uint8Array,
  path: string,
  variable: string,
  fields: readonly string[],
): Readonly<Record<string, readonly (string | number)[]>> {
  const fault = (what: string): DataError => new DataError(`"${path}" ${what}; give the file as it was distributed.`);
  if (bytes.length < HEADER_BYTES || Buffer.from(bytes.subarray(126, 128)).toString() !== "IM")
    throw fault("is no MAT-file of level 5");
  try {
    for (let at = HEADER_BYTES; at < bytes.length; ) {
      const element = elementAt(bytes, at);
      at = element.end;
      const inner =
        element.type === COMPRESSED
          ? elementAt(inflateSync(element.data, { maxOutputLength: MOST_BYTES }), 0)
          : element;
      if (inner.type !== MATRIX) continue;
      const { name, kind, parts } = arrayOf(inner.data);
      if (name === variable && kind === CLASS.struct) return fieldsOf(parts, fields, fault);
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw fault(`is damaged (${reason(error)})`);
  }
  throw fault(`holds no struct "${variable}"`);
}

/** The element at a byte: its tag of eight bytes and its data, or four of each where it is small. */
function elementAt(bytes: Uint8Array, at: number): Element {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = view.getUint32(at, true);
  const small = word >>> 16;
  const size = small || view.getUint32(at + 4, true);
  const start = at + (small ? 4 : 8);
  if (start + size > bytes.length) throw new Error(`${size} bytes at byte ${start} do not fit`);
  const type = small ? word & 0xffff : word;
  // Compressed ones are not padded.
  const end = small ? at + 8 : start + (type === COMPRESSED ? size : Math.ceil(size / 8) * 8);
  return { type, data: bytes.subarray(start, start + size), end };
}

function* elementsOf(bytes: Uint8Array): Generator<Element> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const element = elementAt(bytes, at);
    yield element;
    at = element.end;
  }
}

/** An array: flags, dimensions and name, then what its class has. */
function arrayOf(bytes: Uint8Array): { name: string; kind: number; parts: Generator<Element> } {
  const parts = elementsOf(bytes);
  const next = (): Uint8Array => parts.next().value?.data ?? new Uint8Array(0);
  const [flags, , name] = [next(), next(), next()];
  return { kind: flags[0] ?? 0, name: Buffer.from(name).toString("latin1"), parts };
}

function fieldsOf(
  parts: Generator<Element>,
  wanted: readonly string[],
  fault: (what: string) => DataError,
): Record<string, (string | number)[]> {
  const length = numbersOf(parts.next().value)[0] ?? 0;
  const text = Buffer.from(parts.next().value?.data ?? []).toString("latin1");
  const names =
    length > 0 ? (text.match(new RegExp(`[^]{${length}}`, "g")) ?? []).map((name) => name.replace(/\0.*$/s, "")) : [];
  const missing = wanted.find((field) => !names.includes(field));
  if (missing !== undefined) throw fault(`has no field "${missing}"`);
  const found = Object.fromEntries(wanted.map((field) => [field, [] as (string | number)[]]));
  let i = 0;
  for (const { data } of parts) {
    const name = names[i++ % names.length]!;
    if (Object.hasOwn(found, name)) found[name]!.push(valueIn(data));
  }
  return found;
}

function valueIn(bytes: Uint8Array): string | number {
  const { kind, parts } = arrayOf(bytes);
  const values = numbersOf(parts.next().value);
  if (kind === CLASS.char) return String.fromCharCode(...values);
  return kind >= CLASS.double && kind <= CLASS.lastNumeric ? (values[0] ?? Number.NaN) : "";
}

/** Numbers of an element, whatever type they were put away in. */
function numbersOf(element: Element | undefined): number[] {
  if (element === undefined) return [];
  const { data, type } = element;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const read = (size: number, get: (at: number) => number): number[] =>
    Array.from({ length: Math.floor(data.length / size) }, (_, i) => get(i * size));
  switch (type) {
    case 1:
      return read(1, (at) => view.getInt8(at));
    case 2:
    case 16:
      return read(1, (at) => view.getUint8(at));
    case 3:
      return read(2, (at) => view.getInt16(at, true));
    case 4:
    case 17:
      return read(2, (at) => view.getUint16(at, true));
    case 5:
      return read(4, (at) => view.getInt32(at, true));
    case 6:
      return read(4, (at) => view.getUint32(at, true));
    case 9:
      return read(8, (at) => view.getFloat64(at, true));
    default:
      throw new Error(`data of type ${type} are not read`);
  }
}
