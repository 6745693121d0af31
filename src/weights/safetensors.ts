import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { DataError } from "../errors.js";
import { openFile, readRange, writeFileAtomic } from "../files.js";
import { ARRAYS, elements, showShape } from "../onnx/index.js";
import { fromBfloat16, fromFloat16 } from "./half.js";
import { DTYPES, headerEnd, indexSafetensors, PREFIX, type SafetensorsIndex, type TensorLocation } from "./header.js";
import type { LazyTensor, WeightSource } from "./source.js";
import { bytesPerElement, type Tensor, type Tensors } from "./tensor.js";

/** A safetensors file in memory. */
export interface Safetensors extends SafetensorsIndex {
  /** Views on `bytes` where their place allows one, copies elsewhere; in the order of the file. */
  readonly tensors: Map<string, Tensor>;
  /** The whole file, which external data of a graph can point into by offset and length. */
  readonly bytes: Uint8Array;
}

/** The beginning of the data and thereby, largest elements first, every tensor lies where a view can be put on it. */
const ALIGNMENT = 64;

/**
 * Reads a safetensors file.
 * @throws {DataError} where it is missing or malformed, see `indexSafetensors`
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const file = await openFile(path, "safetensors file");
  try {
    const { size } = await file.stat();
    const start = await readStart(file, path, size);
    headerEnd(start, path, size);
    // Shared memory, so that threads of sessions see it without a copy. The disk fills it while the header is checked.
    const bytes = new Uint8Array(new SharedArrayBuffer(size));
    const filled = readBytes(file, path, 0, size, bytes);
    filled.catch(() => {});
    const { index, metadata } = await judged(file, path, size, start);
    await filled;
    return { index, metadata, bytes, tensors: viewTensors(bytes, index) };
  } finally {
    await file.close();
  }
}

/** Where the tensors of a safetensors file lie, and which file that is. @throws {DataError} as `readSafetensors` */
export async function indexedSafetensors(path: string): Promise<SafetensorsIndex & { readonly stats: Stats }> {
  const file = await openFile(path, "safetensors file");
  try {
    return { ...(await readIndex(file, path)), stats: await file.stat() };
  } finally {
    await file.close();
  }
}

/**
 * Opens a safetensors file to read its tensors one by one.
 * @throws {DataError} where it is missing or malformed, see `indexSafetensors`
 */
export async function openSafetensors(path: string): Promise<WeightSource> {
  const file = await openFile(path, "safetensors file");
  try {
    const { index, metadata } = await readIndex(file, path);
    const lazy = (place: TensorLocation): LazyTensor => ({
      dtype: place.type,
      shape: place.shape,
      async read() {
        const tensor = view(await readBytes(file, path, place.offset, place.length), { ...place, offset: 0 });
        return asFloat32(tensor);
      },
    });
    const tensors = new Map([...index].map(([name, place]) => [name, lazy(place)]));
    return { tensors, metadata, notes: [], close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Floating-point numbers of any width as float32; all else as it is. */
function asFloat32(tensor: Tensor): Tensor {
  const { type, shape, data } = tensor;
  if (type === "float16") return { type: "float32", shape, data: fromFloat16(data as Uint16Array) };
  if (type === "float64") return { type: "float32", shape, data: Float32Array.from(data as Float64Array) };
  return tensor;
}

/** Bytes that are read at first: the header of all but the largest networks. */
const START = 2 ** 16;

const readStart = (file: FileHandle, path: string, size: number): Promise<Uint8Array> =>
  readBytes(file, path, 0, Math.min(size, START));

/** The header is judged before memory for the rest is asked for: anything may have been given as a weight file. */
async function readIndex(file: FileHandle, path: string): Promise<SafetensorsIndex> {
  const { size } = await file.stat();
  return judged(file, path, size, await readStart(file, path, size));
}

/** What the header says, of which `start` is the beginning or all. */
async function judged(file: FileHandle, path: string, size: number, start: Uint8Array): Promise<SafetensorsIndex> {
  const end = headerEnd(start, path, size);
  const header = end > start.length ? await readBytes(file, path, 0, end) : start;
  return indexSafetensors(header, path, size);
}

const readBytes = (
  file: FileHandle,
  path: string,
  start: number,
  length: number,
  into: Uint8Array = new Uint8Array(length),
): Promise<Uint8Array> => readRange(file, `safetensors file "${path}"`, start, into);

/** The tensors of a file's bytes. @param index - checked against these bytes by `indexSafetensors` */
export function viewTensors(bytes: Uint8Array, index: ReadonlyMap<string, TensorLocation>): Map<string, Tensor> {
  return new Map([...index].map(([name, place]) => [name, view(bytes, place)]));
}

/** A tensor of a file's bytes: a view where its place allows one, else a copy. */
export function view(bytes: Uint8Array, { type, shape, offset, length }: TensorLocation): Tensor {
  if (type === "bfloat16") {
    const { data } = view(bytes, { type: "float16", shape, offset, length });
    return { type: "float32", shape, data: fromBfloat16(data as Uint16Array) };
  }
  const size = bytesPerElement(type);
  const aligned = (bytes.byteOffset + offset) % size === 0;
  const source = aligned ? bytes.subarray(offset, offset + length) : bytes.slice(offset, offset + length);
  return { type, shape, data: new ARRAYS[type](source.buffer as ArrayBuffer, source.byteOffset, length / size) };
}

/**
 * A safetensors file in pieces that follow each other; tensors are not copied. The same tensors and metadata, in
 * whatever order, give the same bytes: largest elements first, then by name, as the reference implementation has it.
 * Data begin at a multiple of 64 bytes and each tensor at a multiple of its element's size.
 * @throws {DataError} where the data of a tensor are not what its type and shape say
 */
export function encodeSafetensors(
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): readonly Uint8Array[] {
  for (const [name, tensor] of tensors) checkTensor(name, tensor);
  const ordered = [...tensors].sort(
    ([a, { type: typeA }], [b, { type: typeB }]) => bytesPerElement(typeB) - bytesPerElement(typeA) || (a < b ? -1 : 1),
  );
  const words = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  let end = 0;
  const entries = ordered.map(([name, { type, shape, data }]) => {
    const begin = end;
    end += data.byteLength;
    return [name, { dtype: NAMES.get(type), shape, data_offsets: [begin, end] }] as const;
  });
  const facts = words.length === 0 ? [] : [["__metadata__", Object.fromEntries(words)] as const];
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([...facts, ...entries])));
  const header = new Uint8Array(Math.ceil((PREFIX + json.length) / ALIGNMENT) * ALIGNMENT).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - PREFIX), true);
  header.set(json, PREFIX);
  return [header, ...ordered.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))];
}

/**
 * Writes tensors as a safetensors file, atomically; see `encodeSafetensors` for its layout and errors.
 * @param metadata - free-form words that travel with the file
 */
export async function writeSafetensors(
  path: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(tensors, metadata));
}

const NAMES = new Map(Object.entries(DTYPES).map(([name, type]) => [type, name]));

function checkTensor(name: string, { type, shape, data }: Tensor): void {
  if (name === "__metadata__") {
    throw new DataError(`a tensor is called "${name}", which safetensors reserves; rename it.`);
  }
  if (!(data instanceof ARRAYS[type])) {
    throw new DataError(
      `tensor "${name}" is ${type}, but its data are a ${data.constructor.name}; give a ${ARRAYS[type].name}.`,
    );
  }
  if (data.length !== elements(shape)) {
    throw new DataError(
      `tensor "${name}" ${showShape(shape)} takes ${elements(shape)} elements, but has ${data.length}.`,
    );
  }
}
