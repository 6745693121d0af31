import { z } from "zod";
import { DataError } from "../errors.js";
import type { TypedArray } from "../onnx/index.js";

const ARRAYS = { Uint8Array, Uint16Array, Int32Array, Float32Array, Float64Array } as const;
type ArrayName = keyof typeof ARRAYS;

const Head = z.strictObject({
  count: z.number(),
  worker: z.string(),
  seconds: z.number(),
  bad: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
  arrays: z.array(
    z.strictObject({ name: z.string(), type: z.enum(Object.keys(ARRAYS) as ArrayName[]), length: z.number() }),
  ),
});

/** What a shard gives. */
export interface ShardResult {
  /** Pictures of the shard, with those that could not be read. */
  readonly count: number;
  /** Who has computed it, and how long that took. */
  readonly worker: string;
  readonly seconds: number;
  readonly bad: readonly { readonly name: string; readonly reason: string }[];
  /** Rows by picture; `positions` says which pictures of the shard. */
  readonly arrays: Readonly<Record<string, TypedArray>>;
}

/** A result as bytes: the length of a JSON head, the head, and the arrays behind one another, little-endian. */
export function encodeResult({ arrays, ...head }: ShardResult): Buffer {
  const listed = Object.entries(arrays).map(([name, array]) => ({
    name,
    type: array.constructor.name as ArrayName,
    length: array.length,
  }));
  const text = Buffer.from(JSON.stringify({ ...head, arrays: listed }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const parts = Object.values(arrays).map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength),
  );
  return Buffer.concat([length, text, ...parts]);
}

/** @throws {DataError} where the bytes are not a result of so many pictures */
export function decodeResult(bytes: Buffer, count: number): ShardResult {
  const wrong = (what: string): DataError => new DataError(`a shard's result ${what}; run the command again.`);
  if (bytes.length < 4) throw wrong("is cut short");
  const start = 4 + bytes.readUInt32LE();
  let json: unknown;
  try {
    json = JSON.parse(bytes.subarray(4, start).toString());
  } catch {
    throw wrong("has no head");
  }
  const found = Head.safeParse(json);
  if (!found.success) throw wrong("has another head than this version's");
  const { arrays: listed, ...head } = found.data;
  const arrays: Record<string, TypedArray> = {};
  let at = start;
  for (const { name, type, length } of listed) {
    const size = length * ARRAYS[type].BYTES_PER_ELEMENT;
    if (at + size > bytes.length) throw wrong("is cut short");
    // A copy, which begins where numbers of any size may.
    arrays[name] = new ARRAYS[type](Uint8Array.from(bytes.subarray(at, at + size)).buffer);
    at += size;
  }
  const rows = arrays.positions?.length ?? -1;
  if (at !== bytes.length || head.count !== count || rows + head.bad.length !== count)
    throw wrong(`is of ${rows} and ${head.bad.length} pictures, where the shard has ${count}`);
  return { ...head, arrays };
}

/** Arrays of several batches, one behind the other. */
export function joined(parts: readonly Readonly<Record<string, TypedArray>>[]): Record<string, TypedArray> {
  const [first] = parts;
  if (first === undefined) return { positions: new Int32Array(0) };
  return Object.fromEntries(
    Object.entries(first).map(([name, array]) => {
      const length = parts.reduce((sum, part) => sum + part[name]!.length, 0);
      const whole = new (array.constructor as Float32ArrayConstructor)(length);
      let at = 0;
      for (const part of parts) {
        whole.set(part[name] as Float32Array, at);
        at += part[name]!.length;
      }
      return [name, whole];
    }),
  );
}
