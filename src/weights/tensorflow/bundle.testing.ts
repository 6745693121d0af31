import { writeFile } from "node:fs/promises";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { maskedChecksum } from "./checksum.js";

/** One entry of a table: key and value. */
export type Entry = readonly [key: string | Uint8Array, value: Uint8Array];

/** What a bundle's entry says; what is absent is not written. */
export interface EntryFields {
  readonly dtype?: number;
  readonly shape?: readonly (number | bigint)[];
  readonly shard?: number;
  readonly offset?: number | bigint;
  readonly size?: number | bigint;
  readonly checksum?: number;
  readonly sliced?: boolean;
}

export const FLOAT = 1;

const varint = (value: number | bigint): Uint8Array => new BinaryWriter().uint64(value).finish();

/** A BundleEntryProto. */
export function entry({ dtype = FLOAT, shape = [], shard, offset, size, checksum, sliced }: EntryFields): Uint8Array {
  const dimensions = shape.map((length) => new BinaryWriter().tag(1, 0).int64(length).finish());
  const shapes = dimensions.reduce((writer, bytes) => writer.tag(2, 2).bytes(bytes), new BinaryWriter()).finish();
  const writer = new BinaryWriter().tag(1, 0).int32(dtype).tag(2, 2).bytes(shapes);
  if (shard !== undefined) writer.tag(3, 0).int32(shard);
  if (offset !== undefined) writer.tag(4, 0).int64(offset);
  if (size !== undefined) writer.tag(5, 0).int64(size);
  if (checksum !== undefined) writer.tag(6, 5).fixed32(checksum);
  if (sliced) writer.tag(7, 2).bytes(new Uint8Array(0));
  return writer.finish();
}

/** A BundleHeaderProto. */
export function header({ shards = 1, endianness = 0, needed = 0 } = {}): Uint8Array {
  const version = new BinaryWriter().tag(1, 0).int32(1).tag(2, 0).int32(needed).finish();
  return new BinaryWriter().tag(1, 0).int32(shards).tag(2, 0).int32(endianness).tag(3, 2).bytes(version).finish();
}

const words = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => void bytes.writeUInt32LE(value, 4 * i));
  return bytes;
};

/** The content of a block, every key but the first sharing what it can with the one before. @param restarts - instead of one at 0 */
export function block(entries: readonly Entry[], restarts: Buffer = words(0, 1)): Buffer {
  let last = Buffer.alloc(0);
  const pieces = entries.map(([name, value]) => {
    const key = Buffer.from(name);
    let shared = 0;
    while (shared < Math.min(key.length, last.length) && key[shared] === last[shared]) shared++;
    last = key;
    return Buffer.concat([
      varint(shared),
      varint(key.length - shared),
      varint(value.length),
      key.subarray(shared),
      value,
    ]);
  });
  return Buffer.concat([...pieces, restarts]);
}

/** A table of blocks, whatever is in them. @param compression - byte behind each  @param handles - instead of the right places */
export function table(
  blocks: readonly Buffer[],
  { compression = 0, handles }: { compression?: number; handles?: readonly Buffer[] } = {},
): Buffer {
  const pieces: Buffer[] = [];
  let end = 0;
  const put = (content: Buffer): Buffer => {
    const place = Buffer.concat([varint(end), varint(content.length)]);
    const typed = Buffer.concat([content, Uint8Array.of(compression)]);
    pieces.push(typed, words(maskedChecksum(typed)));
    end += content.length + 5;
    return place;
  };
  const places = blocks.map(put);
  const filters = put(block([]));
  const index = put(block((handles ?? places).map((place, i) => [`\xff${String(i).padStart(9, "0")}`, place])));
  const footer = Buffer.alloc(48);
  Buffer.concat([filters, index]).copy(footer);
  footer.writeBigUInt64LE(0xdb4775248b80fb57n, 40);
  return Buffer.concat([...pieces, footer]);
}

/** A checkpoint of one data file, with entries as they are given. */
export async function writeBundle(prefix: string, entries: readonly Entry[], data: Uint8Array): Promise<void> {
  await writeFile(`${prefix}.index`, table([block([["", header()], ...entries])]));
  await writeFile(`${prefix}.data-00000-of-00001`, data);
}
