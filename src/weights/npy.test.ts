import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { createNpy, openNpy } from "./npy.js";

/** Files of numpy 2.4 (test/golden/npy/make.py). */
const golden = (name: string): string => fileURLToPath(new URL(`../../test/golden/npy/${name}.npy`, import.meta.url));
const VALUES = Float32Array.from({ length: 12 }, (_, i) => Math.fround(i / 3) - 1);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-npy-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(path: string) {
  const file = await openNpy(path, "array");
  try {
    return { descr: file.descr, shape: file.shape, values: [...(await file.rows(0, file.shape[0]!))] };
  } finally {
    await file.close();
  }
}

describe("openNpy", () => {
  it("reads what numpy writes", async () => {
    const float32 = await read(golden("float32"));
    expect(float32).toMatchObject({ descr: "<f4", shape: [4, 3] });
    for (const [i, value] of float32.values.entries()) expect(value).toBeCloseTo(VALUES[i]!, 6);
    expect(await read(golden("float64"))).toMatchObject({ descr: "<f8", values: float32.values });
    expect(await read(golden("version2"))).toEqual(float32);
    expect(await read(golden("int64"))).toEqual({ descr: "<i8", shape: [4], values: [3n, 0n, 1n, 2n ** 40n] });
    expect(await read(golden("uint8"))).toEqual({ descr: "|u1", shape: [2, 2], values: [1, 2, 254, 255] });
    expect(await read(golden("empty"))).toEqual({ descr: "<f4", shape: [0, 5], values: [] });
  });

  it("reads rows from the middle", async () => {
    const file = await openNpy(golden("float32"), "array");
    const all = await file.rows(0, 4);
    expect(await file.rows(1, 3)).toEqual(all.slice(3, 9));
    await file.close();
  });

  it.each([
    ["fortran", "is in Fortran order"],
    ["object", "holds pickled Python objects"],
    ["big-endian", "holds elements of type >f4; those read are <f4"],
    ["complex", "holds elements of type <c8"],
    ["record", "holds elements of type a record"],
    ["scalar", "has the shape ()"],
  ])("refuses %s in one line", async (name, message) => {
    const error = await read(golden(name)).catch((reason: Error) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain("\n");
  });

  /** A file whose header is this text, before `data` bytes. */
  function made(text: string, data = 0, { length = text.length, version = 1 } = {}): Buffer {
    const head = Buffer.alloc(version === 1 ? 10 : 12);
    head.write("\x93NUMPY", "latin1");
    head.writeUInt8(version, 6);
    if (version === 1) head.writeUInt16LE(length, 8);
    else head.writeUInt32LE(length, 8);
    return Buffer.concat([head, Buffer.from(text, "latin1"), Buffer.alloc(data)]);
  }
  const dict = (shape: string, descr = "<f4"): string =>
    `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;

  it.each<[string, Buffer, string]>([
    ["an absurd shape", made(dict("(1000000000000, 1000)"), 8), "cut short"],
    ["a shape beyond numbers", made(dict("(99999999999999999999,)"), 8), "of possible size"],
    ["a product beyond numbers", made(dict("(4294967296, 4294967296)"), 8), "of possible size"],
    ["a product beyond numbers that is 0", made(dict("(0, 4294967296, 4294967296)"), 8), "damaged"],
    ["a negative shape", made(dict("(-1, 4)"), 8), "that numpy does not write"],
    ["an expression", made(dict("(10**9, 4)"), 8), "that numpy does not write"],
    ["code", made("__import__('os').system('true')", 8), "that numpy does not write"],
    ["too few bytes", made(dict("(2, 2)"), 15), "16 bytes, but 15 follow its header; it is cut short"],
    ["too many bytes", made(dict("(2, 2)"), 17), "16 bytes, but 17 follow its header; it is damaged"],
    ["a header beyond the file", made(dict("(2,)"), 8, { length: 5000 }), "more than it holds"],
    ["a header of 4 GB", made(dict("(2,)"), 8, { length: 2 ** 32 - 1, version: 2 }), "more than any such file needs"],
    ["another version", made(dict("(2,)"), 8, { version: 7 }), "is of .npy version 7.0"],
    ["another format", Buffer.from("PK\x03\x04 a zip archive"), "is no .npy file"],
    ["nothing", Buffer.alloc(0), "is no .npy file"],
    ["eight bytes", Buffer.from("\x93NUMPY\x01\x00", "latin1"), "is no .npy file"],
    ["objects by another name", made(dict("(2,)", "|O8"), 8), "holds pickled Python objects"],
  ])("refuses %s", async (_, bytes, message) => {
    await writeFile(join(folder, "hostile.npy"), bytes);
    const error = await read(join(folder, "hostile.npy")).catch((reason: Error) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain("\n");
  });
});

describe("createNpy", () => {
  it("writes the bytes that numpy writes", async () => {
    const float32 = await createNpy(join(folder, "a.npy"), "<f4", [3]);
    const file = await openNpy(golden("float32"), "array");
    await float32.append((await file.rows(0, 1)) as Float32Array);
    await float32.append((await file.rows(1, 4)) as Float32Array);
    await file.close();
    await float32.commit();
    expect((await readFile(join(folder, "a.npy"))).equals(await readFile(golden("float32")))).toBe(true);
    const int64 = await createNpy(join(folder, "b.npy"), "<i8", []);
    await int64.append(BigInt64Array.of(3n, 0n, 1n, 2n ** 40n));
    await int64.commit();
    expect((await readFile(join(folder, "b.npy"))).equals(await readFile(golden("int64")))).toBe(true);
    const empty = await createNpy(join(folder, "c.npy"), "<f4", [5]);
    await empty.commit();
    expect((await readFile(join(folder, "c.npy"))).equals(await readFile(golden("empty")))).toBe(true);
  });

  it("leaves nothing where it is given up", async () => {
    const file = await createNpy(join(folder, "d.npy"), "<f4", [3]);
    await file.append(new Float32Array(3));
    await file.discard();
    expect((await readdir(folder)).filter((name) => name.includes("d.npy"))).toEqual([]);
  });
});
