import { elements, type Shape, showShape } from "../../onnx/index.js";
import { ELEMENT_BYTES, type ElementType } from "../elements.js";
import { Message } from "./message.js";
import { type Fail, tableEntries } from "./table.js";

/** Where a tensor of a bundle lies, and what it is. */
export interface BundleEntry {
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly shard: number;
  /** Bytes, within its shard. */
  readonly offset: number;
  readonly size: number;
  /** CRC-32C of the bytes, masked. */
  readonly checksum: number;
  /** Of a variable in parts, each a tensor of its own; this entry has no bytes then. */
  readonly sliced: boolean;
}

/** What the index of a bundle says. */
export interface Bundle {
  readonly shards: number;
  /** By name, in the index's order. */
  readonly entries: ReadonlyMap<string, BundleEntry>;
}

/** Types by their numbers in TensorFlow's `types.proto`; of those without a width here, tensors are listed and not read. */
const TYPES = {
  1: "float32",
  2: "float64",
  3: "int32",
  4: "uint8",
  5: "int16",
  6: "int8",
  7: "string",
  9: "int64",
  10: "bool",
  14: "bfloat16",
  19: "float16",
} as const satisfies Record<number, ElementType | "string">;
export type Dtype = (typeof TYPES)[keyof typeof TYPES] | `type ${number}`;

export const isElementType = (dtype: Dtype): dtype is ElementType => Object.hasOwn(ELEMENT_BYTES, dtype);

/** The version of the format that there is. */
const VERSION = 1;
/** File names have five digits. */
const MOST_SHARDS = 99_999;
/** TensorFlow's own limit. */
const MOST_AXES = 254;
/** Nobody's tensors, names and entries come near. */
const MOST_TENSORS = 100_000;
const MOST_NAME_BYTES = 4096;
const MOST_ENTRY_BYTES = 2 ** 16;

/**
 * Reads the index of a bundle, TensorFlow's checkpoint format (tensorflow/core/protobuf/tensor_bundle.proto): a table from names to
 * places. Each tensor's bytes are compared with its shape.
 * @param index - the file that ends in `.index`
 */
export function readBundle(index: Uint8Array, fail: Fail): Bundle {
  const entries = new Map<string, BundleEntry>();
  let shards: number | null = null;
  for (const { key, value } of tableEntries(index, fail)) {
    if (shards === null) {
      if (key !== "") fail("it does not begin with a header");
      shards = shardsOf(new Message(value, "its header", fail), fail);
    } else if (!key.startsWith("\0")) {
      // Behind a byte of 0 stand the parts of variables that were saved in parts.
      if (entries.size === MOST_TENSORS) fail(`it has more than ${MOST_TENSORS} tensors`);
      const name = nameOf(key, fail);
      entries.set(name, entryOf(name, value, shards, fail));
    }
  }
  return { shards: shards ?? fail("it is empty"), entries };
}

function shardsOf(header: Message, fail: Fail): number {
  const shards = header.integer(1);
  if (!(shards >= 1 && shards <= MOST_SHARDS)) fail(`its header speaks of ${shards} data files`);
  if (header.integer(2) !== 0) fail("its bytes are in big-endian order", "Save it on a little-endian machine");
  const needed = header.messages(3).at(-1)?.integer(2) ?? 0;
  if (needed > VERSION)
    fail(`it needs a reader of version ${needed}, and this one is of ${VERSION}`, "Save it by an older TensorFlow");
  return shards;
}

function nameOf(key: string, fail: Fail): string {
  if (key.length > MOST_NAME_BYTES) fail(`a name has ${key.length} bytes; ${MOST_NAME_BYTES} are the most`);
  const bytes = Buffer.from(key, "latin1");
  const name = bytes.toString();
  if (!/^\P{Cc}+$/u.test(name) || !Buffer.from(name).equals(bytes)) fail(`${show(name)} is no name of a tensor`);
  return name;
}

/** A name from the file as messages show it: quoted, escaped, not too long. */
export function show(name: string): string {
  const text = JSON.stringify(name);
  return text.length > 200 ? `${text.slice(0, 197)}..."` : text;
}

function entryOf(name: string, value: Uint8Array, shards: number, fail: Fail): BundleEntry {
  const what = `tensor ${show(name)}`;
  if (value.length > MOST_ENTRY_BYTES) fail(`the entry of ${what} has ${value.length} bytes`);
  const entry = new Message(value, `the entry of ${what}`, fail);
  const type = entry.integer(1);
  const dtype: Dtype = Object.hasOwn(TYPES, type) ? TYPES[type as keyof typeof TYPES] : `type ${type}`;
  const [shard, offset, size] = [entry.integer(3), entry.integer(4), entry.integer(5)];
  if (!(shard >= 0 && shard < shards)) fail(`${what} lies in data file ${shard}, and there are ${shards} from 0`);
  if (offset < 0 || size < 0) fail(`${what} has ${size} bytes at byte ${offset}`);
  const shape = shapeOf(entry, what, fail);
  const sliced = entry.has(7);
  if (isElementType(dtype) && !sliced) {
    const needed = elements(shape) * ELEMENT_BYTES[dtype];
    if (needed !== size) fail(`${what} has ${size} bytes, and ${dtype} ${showShape(shape)} takes ${needed}`);
  }
  return { dtype, shape, shard, offset, size, checksum: entry.integer(6), sliced };
}

function shapeOf(entry: Message, what: string, fail: Fail): Shape {
  const [shape] = entry.messages(2).slice(-1);
  const dimensions = shape?.messages(2) ?? [];
  if (shape !== undefined && shape.integer(3) !== 0) fail(`${what} has no known shape`);
  if (dimensions.length > MOST_AXES) fail(`${what} has ${dimensions.length} axes; ${MOST_AXES} are TensorFlow's limit`);
  return dimensions.map((dimension) => {
    const length = dimension.integer(1);
    if (length < 0) fail(`${what} has an axis of length ${length}`);
    return length;
  });
}
