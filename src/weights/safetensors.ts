import { readFile } from "node:fs/promises";
import { DataError } from "../errors.js";
import { reason, writeFileAtomic } from "../files.js";
import { type DataType, elements, type TypedArray } from "../onnx/index.js";
import type { Tensor } from "./tensor.js";

/** safetensors' names of element types, and what they are here. */
const TYPES = {
  F64: { type: "float64", bytes: 8, array: Float64Array },
  F32: { type: "float32", bytes: 4, array: Float32Array },
  F16: { type: "float16", bytes: 2, array: Uint16Array },
  I64: { type: "int64", bytes: 8, array: BigInt64Array },
  I32: { type: "int32", bytes: 4, array: Int32Array },
  I8: { type: "int8", bytes: 1, array: Int8Array },
  U8: { type: "uint8", bytes: 1, array: Uint8Array },
  BOOL: { type: "bool", bytes: 1, array: Uint8Array },
} as const satisfies Record<string, { type: DataType; bytes: number; array: unknown }>;
type TypeName = keyof typeof TYPES;

/** Where a tensor lies: its first byte, counted from the beginning of the file, and its length in bytes. */
export interface Entry {
  readonly name: string;
  readonly dtype: TypeName;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their data. */
  readonly entries: readonly Entry[];
}

/** The format's own limit; nothing longer is parsed. */
const MAX_HEADER_BYTES = 100_000_000;
/** Data begin at a multiple of it, as engines that map the file like it. */
const ALIGNMENT = 64;

/** Reads a safetensors file. @throws {DataError} in one line, naming the file and the tensor */
export async function readSafetensors(path: string): Promise<Safetensors> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new DataError(`"${path}" cannot be read: ${reason(error)}.`);
  }
  return decodeSafetensors(bytes, path);
}

/**
 * The tensors in the bytes of a safetensors file, as views where their alignment allows it. Everything that the header
 * claims is checked against the bytes that are there before anything is made of it.
 * @param where - name of the file, for messages  @throws {DataError}
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): Safetensors {
  const { header, start } = parseHeader(bytes, where);
  const { __metadata__: metadata = {}, ...rest } = header;
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== "string"))
    throw new DataError(`"${where}": its metadata are not texts by name.`);
  const entries = Object.entries(rest).map(([name, value]) => entryOf(name, value, start, where));
  entries.sort((a, b) => a.offset - b.offset || a.length - b.length);
  let end = start;
  for (const { name, offset, length } of entries) {
    if (offset !== end) {
      const fault = offset < end ? "overlap those of another tensor" : "leave a hole before them";
      throw new DataError(`"${where}": the data of "${name}" ${fault}.`);
    }
    end = offset + length;
    if (end > bytes.length)
      throw new DataError(
        `"${where}" is cut short: "${name}" ends at byte ${end}, the file at ${bytes.length}. Get it again.`,
      );
  }
  if (end !== bytes.length)
    throw new DataError(`"${where}" has ${bytes.length - end} bytes behind its last tensor; it is damaged.`);
  return {
    metadata: metadata as Record<string, string>,
    entries,
    tensors: new Map(entries.map((entry) => [entry.name, tensorOf(bytes, entry)])),
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parseHeader(bytes: Uint8Array, where: string): { header: Record<string, unknown>; start: number } {
  if (bytes.length < 8) throw new DataError(`"${where}" has ${bytes.length} bytes, too few for a safetensors file.`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_HEADER_BYTES, bytes.length - 8))) {
    throw new DataError(
      `"${where}" is no safetensors file, or cut short: its header claims ${length} bytes of ${bytes.length}.`,
    );
  }
  const start = 8 + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, start)));
  } catch (error) {
    throw new DataError(`"${where}": its header is not JSON (${reason(error)}).`);
  }
  if (!isRecord(header)) throw new DataError(`"${where}": its header is not an object.`);
  return { header, start };
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function entryOf(name: string, value: unknown, start: number, where: string): Entry {
  const fail = (fault: string): never => {
    throw new DataError(`"${where}": tensor "${name}" ${fault}.`);
  };
  if (!isRecord(value)) return fail("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(TYPES, dtype))
    return fail(`is of type ${JSON.stringify(dtype)}; supported are ${Object.keys(TYPES).join(", ")}`);
  if (!Array.isArray(shape) || !shape.every(isSize)) return fail(`has the shape ${JSON.stringify(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0]! > offsets[1]!)
    return fail(`has the offsets ${JSON.stringify(offsets)}`);
  const length = offsets[1]! - offsets[0]!;
  const wanted = elements(shape) * TYPES[dtype as TypeName].bytes;
  if (wanted !== length) return fail(`[${shape.join(", ")}] of ${dtype} takes ${wanted} bytes, but has ${length}`);
  return { name, dtype: dtype as TypeName, shape, offset: start + offsets[0]!, length };
}

function tensorOf(bytes: Uint8Array, { dtype, shape, offset, length }: Entry): Tensor {
  const { type, bytes: size, array } = TYPES[dtype];
  const aligned = (bytes.byteOffset + offset) % size === 0;
  const own = aligned ? bytes.subarray(offset, offset + length) : bytes.slice(offset, offset + length);
  return { type, shape, data: new array(own.buffer as ArrayBuffer, own.byteOffset, length / size) };
}

const dtypeOf = (type: DataType): TypeName =>
  (Object.keys(TYPES) as TypeName[]).find((name) => TYPES[name].type === type)!;

const bytesOf = ({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/**
 * The bytes of a safetensors file, in parts to be written one after the other. Equal tensors in equal order give equal
 * bytes. Wider types come first, so that every tensor is aligned to its elements.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const ordered = [...tensors].sort(([, a], [, b]) => TYPES[dtypeOf(b.type)].bytes - TYPES[dtypeOf(a.type)].bytes);
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let end = 0;
  for (const [name, { type, shape, data }] of ordered) {
    header[name] = { dtype: dtypeOf(type), shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(Math.ceil((8 + text.length) / ALIGNMENT) * ALIGNMENT).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(text, 8);
  return [padded, ...ordered.map(([, { data }]) => bytesOf(data))];
}

/** Writes a safetensors file, aside and renamed. @throws {FailedError} where it cannot be written */
export const writeSafetensors = (
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> => writeFileAtomic(path, encodeSafetensors(tensors, metadata));
