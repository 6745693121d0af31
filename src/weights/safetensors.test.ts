import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { random } from "../random.js";
import {
  encodeSafetensors,
  indexSafetensors,
  openSafetensors,
  readSafetensors,
  type Tensor,
  type Tensors,
  viewTensors,
  writeSafetensors,
} from "./index.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-weights-"));
});
afterAll(() => rm(folder, { recursive: true }));

const TENSORS: Tensors = new Map<string, Tensor>([
  ["b", { type: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ["w", { type: "float32", shape: [2, 2], data: Float32Array.of(1.5, -2, 0.25, 3e-3) }],
  ["n", { type: "int64", shape: [], data: BigInt64Array.of(7n) }],
  ["h", { type: "float16", shape: [3], data: Uint16Array.of(0x3c00, 0x4000, 0xb800) }],
  ["empty", { type: "float32", shape: [0, 3], data: new Float32Array(0) }],
  ["d", { type: "float64", shape: [1], data: Float64Array.of(Math.PI) }],
  ["i", { type: "int32", shape: [2], data: Int32Array.of(-1, 2 ** 31 - 1) }],
  ["u8", { type: "uint8", shape: [1], data: Uint8Array.of(255) }],
  ["i8", { type: "int8", shape: [1], data: Int8Array.of(-128) }],
]);

/**
 * Written by Python's safetensors 0.8.0 with NumPy: save({"w": float32 [[1.5, -2], [0.25, 3e-3]], "n": int64 7, "h":
 * float16 [1, 2, -0.5], "b": [True, False, True], "empty": float32 zeros (0, 3)}, {"format": "pt"}).
 */
const PYTHON = Buffer.concat([
  Buffer.from("3801000000000000", "hex"),
  Buffer.from(
    '{"__metadata__":{"format":"pt"},"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
      '"empty":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]},' +
      '"h":{"dtype":"F16","shape":[3],"data_offsets":[24,30]},"b":{"dtype":"BOOL","shape":[3],"data_offsets":[30,33]}}  ',
  ),
  Buffer.from("07000000000000000000c03f000000c00000803ea69b443b003c004000b8010001", "hex"),
]);

/** The bytes of a file with this header, and so many bytes of data. */
function file(header: unknown, dataBytes: number): Uint8Array {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, text, Buffer.alloc(dataBytes)]);
}

const f32 = (shape: unknown, ...data_offsets: unknown[]) => ({ dtype: "F32", shape, data_offsets });

describe("readSafetensors", () => {
  it("reads a file of Python's safetensors", async () => {
    const path = join(folder, "python.safetensors");
    await writeFile(path, PYTHON);
    const { tensors, metadata, index, bytes } = await readSafetensors(path);
    expect(metadata).toEqual({ format: "pt" });
    expect([...tensors.keys()]).toEqual(["n", "empty", "w", "h", "b"]);
    for (const [name, tensor] of tensors) expect([name, tensor]).toEqual([name, TENSORS.get(name)]);
    expect(index.get("w")).toEqual({ type: "float32", shape: [2, 2], offset: 8 + 0x138 + 8, length: 16 });
    expect(Buffer.compare(bytes, PYTHON)).toBe(0);
  });

  it("gives views where their place allows it, and copies elsewhere", () => {
    const shifted = new Uint8Array(PYTHON.length + 1);
    shifted.set(PYTHON, 1);
    for (const [bytes, shared] of [
      [Uint8Array.from(PYTHON), true],
      [shifted.subarray(1), false],
    ] as const) {
      const w = viewTensors(bytes, indexSafetensors(bytes, "x").index).get("w")!;
      expect(w).toEqual(TENSORS.get("w"));
      expect(w.data.buffer === bytes.buffer).toBe(shared);
    }
  });

  it("gives bfloat16 as float32", async () => {
    const bytes = file({ a: { dtype: "BF16", shape: [2], data_offsets: [0, 4] } }, 4);
    bytes.set([0x80, 0x3f, 0x49, 0xc0], bytes.length - 4);
    const path = join(folder, "brain.safetensors");
    await writeFile(path, bytes);
    const a = { type: "float32", shape: [2], data: Float32Array.of(1, -3.140625) };
    expect((await readSafetensors(path)).tensors.get("a")).toEqual(a);
  });

  it("says where a file is missing or was cut short", async () => {
    const path = join(folder, "short.safetensors");
    await expect(readSafetensors(path)).rejects.toThrow(`safetensors file "${path}" does not exist; check the path.`);
    await writeSafetensors(path, TENSORS);
    const { length } = await readFile(path);
    for (const size of [length - 1, length - 40, 100, 8, 7, 0]) {
      await truncate(path, size);
      const error = await readSafetensors(path).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).toMatch(/It was cut short; fetch it again\.$/);
    }
  });
});

describe("openSafetensors", () => {
  it("reads tensors one by one, floating-point ones as float32", async () => {
    const path = join(folder, "lazy.safetensors");
    await writeSafetensors(path, TENSORS, { origin: "here" });
    const source = await openSafetensors(path);
    expect(source.metadata).toEqual({ origin: "here" });
    const found = new Map<string, unknown>();
    for (const [name, lazy] of source.tensors)
      found.set(`${name} ${lazy.dtype} [${lazy.shape}]`, (await lazy.read()).data);
    await source.close();
    expect(found.get("h float16 [3]")).toEqual(Float32Array.of(1, 2, -0.5));
    expect(found.get("d float64 [1]")).toEqual(Float32Array.of(Math.PI));
    expect(found.get("w float32 [2,2]")).toEqual(TENSORS.get("w")!.data);
    expect(found.get("n int64 []")).toEqual(BigInt64Array.of(7n));
    expect(found.size).toBe(TENSORS.size);
  });
});

describe("writeSafetensors", () => {
  it("gives back what was written, from a view on every tensor", async () => {
    const path = join(folder, "all.safetensors");
    await writeSafetensors(path, TENSORS, { format: "pt", arch: "b0" });
    const { tensors, metadata, bytes, index } = await readSafetensors(path);
    expect(metadata).toEqual({ arch: "b0", format: "pt" });
    expect(new Map([...tensors].sort())).toEqual(new Map([...TENSORS].sort()));
    for (const { data } of tensors.values()) expect(data.buffer).toBe(bytes.buffer);
    const places = [...index.values()];
    expect(places[0]!.offset % 64).toBe(0);
    for (const { offset, type } of places)
      expect(offset % (type === "float16" ? 2 : /8|bool/.test(type) ? 1 : 4)).toBe(0);
  });

  it("gives the same bytes for the same tensors in another order", () => {
    const write = (tensors: Tensors, metadata: Record<string, string>): Buffer =>
      Buffer.concat(encodeSafetensors(tensors, metadata));
    const reversed = new Map([...TENSORS].reverse());
    expect(write(reversed, { b: "2", a: "1" }).equals(write(TENSORS, { a: "1", b: "2" }))).toBe(true);
  });

  it("writes no tensors, odd names and no metadata too", () => {
    expect(indexSafetensors(Buffer.concat(encodeSafetensors(new Map())), "x")).toEqual({
      index: new Map(),
      metadata: {},
    });
    const one: Tensor = { type: "uint8", shape: [1], data: Uint8Array.of(1) };
    const names = ["__proto__", "10", "9", 'a"b\\', "é\n", ""];
    const bytes = Buffer.concat(encodeSafetensors(new Map(names.map((name) => [name, one]))));
    expect([...indexSafetensors(bytes, "x").index.keys()]).toEqual([...names].sort());
  });

  it("takes words of JavaScript's own for plain words", () => {
    const words = { constructor: "x", toString: "y", valueOf: "z" };
    const one: Tensor = { type: "uint8", shape: [], data: Uint8Array.of(1) };
    const bytes = Buffer.concat(encodeSafetensors(new Map([["constructor", one]]), words));
    const { index, metadata } = indexSafetensors(bytes, "x");
    expect([...index.keys()]).toEqual(["constructor"]);
    expect(metadata).toEqual(words);
    indexSafetensors(file('{"__metadata__":{"__proto__":"polluted"}}', 0), "x");
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
    expect("polluted" in {}).toBe(false);
  });

  it.each<[string, Tensor, string]>([
    ["a", { type: "float32", shape: [3], data: new Float32Array(2) }, 'tensor "a" [3] takes 3 elements, but has 2.'],
    ["a", { type: "float32", shape: [2], data: new Int32Array(2) }, "its data are a Int32Array; give a Float32Array."],
    ["__metadata__", { type: "uint8", shape: [0], data: new Uint8Array(0) }, "which safetensors reserves; rename it."],
  ])("refuses tensor %s that is not what it says", (name, tensor, message) => {
    expect(() => encodeSafetensors(new Map([[name, tensor]]))).toThrow(message);
  });
});

describe("indexSafetensors refuses", () => {
  const deep = `{"a":{"dtype":${"[".repeat(1e5)}${"]".repeat(1e5)}}}`;
  it.each<[string, Uint8Array, string]>([
    [
      "a header longer than the file",
      file("{}", 0).map((b, i) => (i === 0 ? 99 : b)),
      "its header claims 99 bytes, and the file has 10.",
    ],
    [
      "a header of absurd size",
      file("{}", 0).fill(255, 0, 7),
      "its header claims 72057594037927940 bytes; 100000000 are",
    ],
    ["a header that is not JSON", file('{"a": ', 0), "its header is not JSON ("],
    ["a header that is not UTF-8", file("{}", 0).map((b, i) => (i === 9 ? 0xff : b)), "its header is not JSON ("],
    ["an array as header", file([], 0), "its header is JSON, but not an object."],
    ["null as header", file(null, 0), "its header is JSON, but not an object."],
    [
      "a name twice",
      file('{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}, "\\u0061" :{}}', 1),
      'has the name "a" twice.',
    ],
    ["a field twice", file('{"a":{"dtype":"U8","dtype":"F32"}}', 1), 'has the name "dtype" twice.'],
    ["endless nesting", file(deep, 0), "its header nests deeper than the 3 levels of the format."],
    [
      "metadata that are not words",
      file({ __metadata__: { a: 1 } }, 0),
      "its __metadata__ is not an object of strings.",
    ],
    ["an entry that is no object", file({ a: 3 }, 0), 'tensor "a" has the entry 3; an object is needed.'],
    [
      "a missing field",
      file({ a: { dtype: "F32", shape: [] } }, 0),
      'tensor "a" has the data_offsets nothing; two whole numbers of 0 or more are needed.',
    ],
    [
      "an unknown type",
      file({ a: { ...f32([1], 0, 4), dtype: "F33" } }, 4),
      'tensor "a" is of the unknown type "F33"; known are F32, F64,',
    ],
    [
      "a type of JavaScript's",
      file({ a: { ...f32([1], 0, 4), dtype: "toString" } }, 4),
      'of the unknown type "toString"',
    ],
    [
      "int16",
      file({ a: { ...f32([2], 0, 4), dtype: "I16" } }, 4),
      'tensor "a" is of type I16, which is not supported yet;',
    ],
    [
      "a negative dimension",
      file({ a: f32([-1], 0, 4) }, 4),
      'tensor "a" has the shape [-1]; whole numbers of 0 or more are needed.',
    ],
    [
      "a broken dimension",
      file({ a: f32([1.5], 0, 6) }, 6),
      'tensor "a" has the shape [1.5]; whole numbers of 0 or more are needed.',
    ],
    [
      "a dimension as text",
      file({ a: f32(["1"], 0, 4) }, 4),
      'tensor "a" has the shape ["1"]; whole numbers of 0 or more are needed.',
    ],
    [
      "a shape of overflow",
      file({ a: f32([2 ** 31, 2 ** 31, 2 ** 31], 0, 4) }, 4),
      'tensor "a" has the shape [2147483648,2147483648,2147483648], larger than any file.',
    ],
    ["bytes that are not the shape's", file({ a: f32([2], 0, 4) }, 4), 'tensor "a" has 4 bytes, and F32 [2] takes 8.'],
    [
      "offsets that descend",
      file({ a: f32([1], 4, 0) }, 4),
      'tensor "a" ends at byte 0 of the data, before it begins at 4.',
    ],
    [
      "three offsets",
      file({ a: f32([1], 0, 4, 4) }, 4),
      'tensor "a" has the data_offsets [0,4,4]; two whole numbers of 0 or more are needed.',
    ],
    [
      "an end out of range",
      file({ a: f32([2], 0, 8) }, 4),
      'tensor "a" ends at byte 8 of the data, and the file holds 4 of them.',
    ],
    [
      "an absurd end",
      file({ a: f32([2 ** 50], 0, 2 ** 52) }, 4),
      'tensor "a" ends at byte 4503599627370496 of the data',
    ],
    [
      "an overlap",
      file({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8),
      'tensor "b" begins at byte 4 of the data and overlaps the one before, which ends at 8.',
    ],
    [
      "the same place twice",
      file({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4),
      'tensor "b" begins at byte 0 of the data and overlaps',
    ],
    [
      "a hole",
      file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
      'tensor "b" begins at byte 8 of the data and leaves a hole after the one before, which ends at 4.',
    ],
    ["a hole in front", file({ a: f32([1], 4, 8) }, 8), 'tensor "a" begins at byte 4 of the data and leaves a hole'],
    ["data that nobody owns", file({ a: f32([1], 0, 4) }, 5), "its tensors end at byte 4 of the data, which have 5."],
    ["data without tensors", file({}, 1), "its tensors end at byte 0 of the data, which have 1."],
    ["a name of a megabyte", file({ ["x\n".repeat(5e5)]: 1 }, 0), 'tensor "x\\nx\\n'],
  ])("%s", (_, bytes, message) => {
    const attempt = (): unknown => indexSafetensors(bytes, "w.safetensors");
    expect(attempt).toThrow(DataError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(/^safetensors file "w\.safetensors": [^\n]{1,400}$/);
  });

  it("whatever else a damaged file holds, with no error but DataError", () => {
    const valid = Uint8Array.from(Buffer.concat(encodeSafetensors(TENSORS, { format: "pt" })));
    const stream = random(1, "fuzz");
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < 20_000; round++) {
      const damaged = stream.uniform() < 0.2 ? valid.slice(0, stream.integer(valid.length + 1)) : valid.slice();
      // Mostly in the header, where it matters.
      const reach = Math.min(damaged.length, stream.uniform() < 0.9 ? 640 : damaged.length);
      for (let flips = stream.integer(4); flips > 0 && reach > 0; flips--)
        damaged[stream.integer(reach)]! ^= 1 << stream.integer(8);
      try {
        const { index } = indexSafetensors(damaged, "x");
        for (const { data } of viewTensors(damaged, index).values()) expect(data.byteLength).toBeLessThan(valid.length);
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        expect(error.message).not.toContain("\n");
        outcomes.refused++;
      }
    }
    // Both happen often: flips may hit names, data and padding too.
    expect(outcomes.read).toBeGreaterThan(1000);
    expect(outcomes.refused).toBeGreaterThan(1000);
  });
});
