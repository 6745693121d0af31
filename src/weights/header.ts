import { DataError } from "../errors.js";
import { type DataType, type Shape, showShape } from "../onnx/index.js";
import { bytesPerElement } from "./tensor.js";

/** Element types of the files that are read; bfloat16 becomes float32 when a tensor is. */
export type StoredType = DataType | "bfloat16";

/** Where a tensor lies in its file. */
export interface TensorLocation {
  readonly type: StoredType;
  readonly shape: Shape;
  /** First byte, counted from the beginning of the file, as ONNX external data count too. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** What the header of a safetensors file says, checked against the file's size. */
export interface SafetensorsIndex {
  /** Tensors by name, in the order in which their data lie in the file. */
  readonly index: ReadonlyMap<string, TensorLocation>;
  /** Free-form words that travel with the file. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Types by safetensors' names. */
export const DTYPES = {
  F32: "float32",
  F64: "float64",
  F16: "float16",
  BF16: "bfloat16",
  U8: "uint8",
  I8: "int8",
  I32: "int32",
  I64: "int64",
  BOOL: "bool",
} as const satisfies Record<string, StoredType>;

/** Types that the format has and graphs here do not. */
const UNSUPPORTED = new Set(["U16", "U32", "U64", "I16", "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4"]);

/** Bytes of the little-endian number that a file begins with: the length of the JSON text behind it. */
export const PREFIX = 8;

/** The longest header that the format allows, bytes. */
const MAX_HEADER = 100_000_000;

/**
 * Number of bytes that prefix and header take together.
 * @param bytes - the file from its beginning, `PREFIX` bytes at least where it has them
 * @param size - bytes of the whole file
 * @throws {DataError} where the file is too short for what it claims
 */
export function headerEnd(bytes: Uint8Array, name: string, size = bytes.length): number {
  const fail = fault(name);
  if (size < PREFIX || bytes.length < PREFIX) {
    fail(`it has ${size} bytes, and the length of the header alone takes ${PREFIX}. It was cut short; fetch it again`);
  }
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER) fail(`its header claims ${length} bytes; ${MAX_HEADER} are the format's limit`);
  if (PREFIX + length > size) {
    fail(`its header claims ${length} bytes, and the file has ${size}. It was cut short; fetch it again`);
  }
  return PREFIX + length;
}

/**
 * Reads the header of a safetensors file and checks that the tensors cover the file's data exactly, each once. Nothing
 * is allocated by what the header claims.
 * @param bytes - the file, or its beginning with the whole header
 * @param name - the file's name, for messages
 * @param size - bytes of the whole file, where `bytes` is a part
 * @throws {DataError} one line that names the file and, where one is at fault, the tensor
 * @see https://github.com/huggingface/safetensors#format
 */
export function indexSafetensors(bytes: Uint8Array, name: string, size = bytes.length): SafetensorsIndex {
  const fail = fault(name);
  const start = headerEnd(bytes, name, size);
  const { __metadata__: rawMetadata, ...entries } = parseHeader(bytes.subarray(PREFIX, start), fail);
  const metadata = rawMetadata ?? {};
  if (!isObject(metadata) || !Object.values(metadata).every((word) => typeof word === "string"))
    return fail("its __metadata__ is not an object of strings");

  const found = Object.entries(entries)
    .map(([tensor, entry]) => ({ tensor, ...location(tensor, entry, size - start, fail) }))
    .sort((a, b) => a.offset - b.offset || a.length - b.length);
  let end = 0;
  for (const { tensor, offset, length } of found) {
    if (offset !== end) {
      const what =
        offset < end ? "overlaps the one before, which ends" : "leaves a hole after the one before, which ends";
      fail(`tensor ${show(tensor)} begins at byte ${offset} of the data and ${what} at ${end}`);
    }
    end = offset + length;
  }
  if (end !== size - start) fail(`its tensors end at byte ${end} of the data, which have ${size - start}`);
  return {
    index: new Map(
      found.map(({ tensor, type, shape, offset, length }) => [tensor, { type, shape, offset: start + offset, length }]),
    ),
    metadata: Object.fromEntries(
      Object.entries(metadata as Record<string, string>).filter(([key]) => key !== "__proto__"),
    ),
  };
}

type Fail = (message: string) => never;

/** Throws what is wrong with a file, in one line. */
const fault =
  (name: string): Fail =>
  (message) => {
    throw new DataError(`safetensors file "${name}": ${message.replaceAll(/\s+/g, " ")}.`);
  };

/** A name from the file as messages show it: quoted, escaped, not too long. */
const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 77)}..."` : text;
};

function parseHeader(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  let header: unknown;
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (error) {
    fail(`its header is not JSON (${(error as Error).message}); it is damaged or of another format`);
  }
  if (!isObject(header)) return fail("its header is JSON, but not an object");
  checkSyntax(text, fail);
  return header;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Header, entry, shape. */
const MAX_DEPTH = 3;

/** What JSON.parse lets pass: it keeps the last of two equal keys, and nests without end. @param json - valid JSON */
function checkSyntax(json: string, fail: Fail): void {
  let depth = 0;
  const keys: Set<string>[] = [];
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === "{" || c === "[") {
      depth++;
      if (depth > MAX_DEPTH) fail(`its header nests deeper than the ${MAX_DEPTH} levels of the format`);
      keys[depth] = new Set();
    } else if (c === "}" || c === "]") depth--;
    else if (c === '"') {
      const from = i;
      for (i++; json[i] !== '"'; i++) if (json[i] === "\\") i++;
      let next = i + 1;
      while (/\s/.test(json[next] ?? "")) next++;
      if (json[next] !== ":") continue;
      const key = JSON.parse(json.slice(from, i + 1)) as string;
      if (keys[depth]!.has(key)) fail(`its header has the name ${show(key)} twice`);
      keys[depth]!.add(key);
    }
  }
}

/** One entry of the header, its offset still counted from the beginning of the data. */
function location(tensor: string, raw: unknown, available: number, fail: Fail): TensorLocation {
  const named: Fail = (message) => fail(`tensor ${show(tensor)} ${message}`);
  const { dtype, shape, begin, end } = checkEntry(raw, named);
  if (UNSUPPORTED.has(dtype)) {
    named(
      `is of type ${dtype}, which is not supported yet; convert the file to one of ${Object.keys(DTYPES).join(", ")}`,
    );
  }
  if (!Object.hasOwn(DTYPES, dtype)) {
    named(`is of the unknown type ${show(dtype)}; known are ${Object.keys(DTYPES).join(", ")}`);
  }
  const type = DTYPES[dtype as keyof typeof DTYPES];
  if (begin > end) named(`ends at byte ${end} of the data, before it begins at ${begin}`);
  if (end > available) {
    named(`ends at byte ${end} of the data, and the file holds ${available} of them. It was cut short; fetch it again`);
  }
  let bytes = type === "bfloat16" ? 2 : bytesPerElement(type);
  for (const dimension of shape) {
    bytes *= dimension;
    if (!Number.isSafeInteger(bytes)) named(`has the shape ${show(shape)}, larger than any file`);
  }
  if (bytes !== end - begin) {
    named(`has ${end - begin} bytes, and ${dtype} ${shape.length > 8 ? show(shape) : showShape(shape)} takes ${bytes}`);
  }
  return { type, shape, offset: begin, length: bytes };
}

/** By hand, since a schema takes longer to get going than two hundred entries take to check. */
function checkEntry(raw: unknown, named: Fail): { dtype: string; shape: Shape; begin: number; end: number } {
  if (!isObject(raw)) return named(`has the entry ${show(raw)}; an object is needed`);
  const { dtype, shape, data_offsets: offsets } = raw;
  if (typeof dtype !== "string") return named(`has the dtype ${show(dtype)}; a name such as "F32" is needed`);
  if (!Array.isArray(shape) || !shape.every(isCount))
    return named(`has the shape ${show(shape)}; whole numbers of 0 or more are needed`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    return named(`has the data_offsets ${show(offsets)}; two whole numbers of 0 or more are needed`);
  const [begin, end] = offsets as [number, number];
  return { dtype, shape, begin, end };
}
