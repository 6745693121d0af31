import { BinaryReader } from "@bufbuild/protobuf/wire";
import { hex, maskedChecksum } from "./checksum.js";

/** Throws what is wrong with a file, in one line. @param mend - what to do, where it is not to fetch the file again */
export type Fail = (message: string, mend?: string) => never;

/** One entry of a table. */
export interface TableEntry {
  /** Bytes as characters from 0 to 255, so that comparing texts compares bytes. */
  readonly key: string;
  readonly value: Uint8Array;
}

/** Where a block lies. */
interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** What a table ends in: two handles, padding, the magic number. */
const FOOTER = 48;
const MAGIC = 0xdb4775248b80fb57n;

/** Behind each block: a byte for its compression, and the checksum of both. */
const TRAILER = 5;
const PLAIN = 0;
const SNAPPY = 1;

/** Keys share beginnings, so a small file could claim any memory; names of the largest networks take less than 1 MB. */
const MOST_KEY_BYTES = 64 * 2 ** 20;

/**
 * The entries of a sorted string table as LevelDB defined it, in their order: blocks of keys without the beginning that they share
 * with the key before, an index of the blocks, a footer. Checksums and order are checked.
 * @param bytes - the whole file
 * @see https://github.com/google/leveldb/blob/main/doc/table_format.md
 */
export function* tableEntries(bytes: Uint8Array, fail: Fail): Generator<TableEntry> {
  const budget = { left: MOST_KEY_BYTES };
  let last: string | null = null;
  for (const { value } of blockEntries(block(bytes, indexHandle(bytes, fail), fail), budget, fail)) {
    for (const entry of blockEntries(block(bytes, handle(new BinaryReader(value), fail), fail), budget, fail)) {
      if (last !== null && entry.key <= last) fail("its keys are not in order");
      last = entry.key;
      yield entry;
    }
  }
}

function indexHandle(bytes: Uint8Array, fail: Fail): Handle {
  if (bytes.length < FOOTER) fail(`it has ${bytes.length} bytes, and its footer alone takes ${FOOTER}`);
  const footer = bytes.subarray(bytes.length - FOOTER);
  if (view(footer).getBigUint64(FOOTER - 8, true) !== MAGIC) fail("it does not end as an index does");
  const reader = new BinaryReader(footer.subarray(0, FOOTER - 8));
  // The first is that of a block about filters, which TensorFlow leaves empty.
  handle(reader, fail);
  return handle(reader, fail);
}

function handle(reader: BinaryReader, fail: Fail): Handle {
  try {
    return { offset: Number(reader.uint64()), size: Number(reader.uint64()) };
  } catch {
    return fail("the place of a block ends within a number");
  }
}

/** The content of a block, its checksum compared. */
function block(bytes: Uint8Array, { offset, size }: Handle, fail: Fail): Uint8Array {
  const end = offset + size + TRAILER;
  if (!(end <= bytes.length - FOOTER)) fail(`a block ends at byte ${end} of ${bytes.length}`);
  const stored = view(bytes).getUint32(offset + size + 1, true);
  const found = maskedChecksum(bytes.subarray(offset, offset + size + 1));
  if (found !== stored)
    fail(`the block at byte ${offset} has the checksum ${hex(found)}, where ${hex(stored)} is written`);
  const compression = bytes[offset + size]!;
  if (compression !== PLAIN) {
    const name = compression === SNAPPY ? "Snappy" : `the unknown method ${compression}`;
    fail(`it is compressed by ${name}, and only plain files are read`, "Save it by tf.train.Saver, which does not");
  }
  return bytes.subarray(offset, offset + size);
}

function* blockEntries(content: Uint8Array, budget: { left: number }, fail: Fail): Generator<TableEntry> {
  const reader = new BinaryReader(content.subarray(0, restartsBegin(content, fail)));
  let key = "";
  while (reader.pos < reader.len) {
    const [shared, own, length] = [number(reader, fail), number(reader, fail), number(reader, fail)];
    if (shared > key.length) fail(`a key shares ${shared} bytes with one of ${key.length}`);
    if (own + length > reader.len - reader.pos) fail(`an entry claims ${own + length} bytes beyond its block`);
    budget.left -= shared + own;
    if (budget.left < 0) fail(`its keys take more than ${MOST_KEY_BYTES} bytes`);
    const middle = reader.pos + own;
    key = key.slice(0, shared) + Buffer.from(content.subarray(reader.pos, middle)).toString("latin1");
    reader.pos = middle + length;
    yield { key, value: content.subarray(middle, reader.pos) };
  }
}

/** Where the restart points begin: places of whole keys, for a search, and their number. */
function restartsBegin(content: Uint8Array, fail: Fail): number {
  if (content.length < 4) fail(`a block has ${content.length} bytes, and the number of its restart points takes 4`);
  const words = view(content);
  const count = words.getUint32(content.length - 4, true);
  const begin = content.length - 4 * (count + 1);
  if (begin < 0) fail(`a block of ${content.length} bytes claims ${count} restart points`);
  for (let i = 0; i < count; i++) {
    const place = words.getUint32(begin + 4 * i, true);
    if (place > begin) fail(`a restart point is at byte ${place} of the ${begin} of its block's entries`);
  }
  return begin;
}

function number(reader: BinaryReader, fail: Fail): number {
  try {
    return reader.uint32();
  } catch {
    return fail("a block ends within a number");
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
