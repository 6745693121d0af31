import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../../errors.js";
import { random } from "../../random.js";
import { Bytes } from "./bytes.js";
import { openTorchCheckpoint } from "./checkpoint.js";
import { unpickle } from "./pickle.js";
import { tensorCalls } from "./tensors.js";

const golden = (name: string): string => fileURLToPath(new URL(`../../../test/golden/torch/${name}`, import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-hostile-"));
});
afterAll(() => rm(folder, { recursive: true }));

const read = (pickle: string | Uint8Array): unknown => {
  const bytes = typeof pickle === "string" ? Uint8Array.from(Buffer.from(pickle, "latin1")) : pickle;
  return unpickle(new Bytes(bytes, "x.pth"), tensorCalls("x.pth", new Map()));
};

describe("a pickle that asks for more than tensors", () => {
  it.each([
    ["os.system", "cos\nsystem\n(S'touch /tmp/x'\ntR."],
    ["os.system", "\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R."],
    ["posix.system", "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."],
    ["builtins.eval", "\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x031+1\x85R."],
    ["__main__.Mine", "\x80\x02c__main__\nMine\n)\x81}b."],
    ["torch.storage._load_from_bytes", "\x80\x02ctorch.storage\n_load_from_bytes\nC\x01a\x85R."],
    ["os.system", "\x80\x02cos\nsystem\n."],
  ])("%s is refused by its name: %#", (name, pickle) => {
    expect(() => read(pickle)).toThrow(DataError);
    expect(() => read(pickle)).toThrow(/asks for|which no checkpoint needs/);
    if (!pickle.includes("(S")) expect(() => read(pickle)).toThrow(`asks for ${name}, which no tensor needs`);
  });
});

describe("a pickle that is no pickle", () => {
  it.each([
    ["nothing", ""],
    ["no end", "\x80\x02}"],
    ["a text that claims gigabytes", "\x80\x04\x8d\xff\xff\xff\xff\x00\x00\x00\x00abc."],
    ["bytes that claim more than any file", "\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff."],
    ["a stack that is empty", "\x80\x020."],
    ["a mark that is missing", "\x80\x02t."],
    ["a memo that was never made", "\x80\x02h\x05."],
    ["a list of a number", "\x80\x02K\x01K\x02a."],
    ["a dictionary of a list", "\x80\x02]K\x01K\x02s."],
    ["a call of a number", "\x80\x02K\x01)R."],
    ["a storage of a number", "\x80\x02K\x01Q."],
    ["an unknown operation", "\x80\x02\xf0."],
    ["a protocol of the future", "\x80\x09."],
    ["a number of 255 bytes", `\x80\x02\x8a\xff${"\x01".repeat(255)}.`],
  ])("%s", (_, pickle) => {
    expect(() => read(pickle)).toThrow(DataError);
  });

  it("makes no more of a small file than it says: lists within lists of themselves", () => {
    // Each level holds the one before twice: 2^40 leaves if anything walked them.
    const bomb = `\x80\x02]q\x00${"]h\x00h\x00e".replace("]", "](").concat("q\x00").repeat(40)}.`;
    expect(Array.isArray(read(bomb))).toBe(true);
  });
});

describe("a tensor that is none", () => {
  /** A dictionary of one tensor with this geometry, over a storage of 4 floats. */
  const tensor = (offset: number, shape: readonly number[], strides: readonly number[]): string => {
    const tuple = (values: readonly number[]): string => `(${values.map((v) => `J${le(v)}`).join("")}t`;
    const storage = "(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ";
    return `\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(${storage}J${le(offset)}${tuple(shape)}${tuple(strides)}\x89}tRs.`;
  };
  const le = (value: number): string => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return bytes.toString("latin1");
  };
  /** The same in the older form, whose parts are short. */
  const legacy = async (pickle: string): Promise<string> => {
    const path = join(folder, "tensor.pth");
    const head =
      "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.";
    const data = Buffer.alloc(8 + 16);
    data.writeBigInt64LE(4n);
    await writeFile(
      path,
      Buffer.concat([Buffer.from(`${head}${pickle}\x80\x02]X\x01\x00\x00\x000a.`, "latin1"), data]),
    );
    return path;
  };

  it("is read where it is one", async () => {
    const source = await openTorchCheckpoint(await legacy(tensor(0, [2, 2], [2, 1])));
    expect((await source.tensors.get("w")!.read()).data).toEqual(new Float32Array(4));
    await source.close();
  });

  it.each([
    ["beyond its storage", tensor(1, [2, 2], [2, 1]), "reaches outside its 4 elements"],
    ["far beyond it", tensor(0, [2 ** 30, 2 ** 30], [2 ** 30, 1]), "reaches outside its 4 elements"],
    ["a terabyte out of 4 elements", tensor(0, [2 ** 20, 2 ** 20], [0, 0]), "repeats elements"],
    ["negative", tensor(-1, [2], [1]), "describes a tensor that cannot be"],
    ["of two ranks", tensor(0, [2, 2], [1]), "describes a tensor that cannot be"],
  ])("%s", async (_, pickle, text) => {
    await expect(openTorchCheckpoint(await legacy(pickle))).rejects.toThrow(DataError);
    await expect(openTorchCheckpoint(await legacy(pickle))).rejects.toThrow(text);
  });
});

describe("a damaged file", () => {
  const attempt = async (bytes: Uint8Array): Promise<unknown> => {
    const path = join(folder, "damaged.pth");
    await writeFile(path, bytes);
    try {
      const source = await openTorchCheckpoint(path);
      try {
        for (const tensor of source.tensors.values()) await tensor.read();
      } finally {
        await source.close();
      }
      return null;
    } catch (error) {
      return error;
    }
  };

  it.each(["zip.pth", "legacy.pth"])(
    "%s, cut short anywhere",
    async (name) => {
      const whole = await readFile(golden(name));
      for (let length = 2; length < whole.length; length += 23)
        expect(await attempt(whole.subarray(0, length)), String(length)).toBeInstanceOf(DataError);
    },
    60_000,
  );

  it.each(["zip.pth", "legacy.pth"])(
    "%s with bytes changed: what it says, or one clear line",
    async (name) => {
      const whole = await readFile(golden(name));
      const stream = random(1, name);
      let faults = 0;
      for (let i = 0; i < 400; i++) {
        const bytes = Uint8Array.from(whole);
        for (let j = 0; j < 1 + (i % 4); j++) bytes[2 + stream.integer(bytes.length - 2)] = stream.integer(256);
        const error = await attempt(bytes);
        if (error === null) continue;
        faults++;
        expect(error).toBeInstanceOf(DataError);
        expect((error as Error).message).not.toContain("\n");
      }
      expect(faults).toBeGreaterThan(50);
    },
    60_000,
  );

  it.each(["zip.pth", "deflated.zip.pth"])("%s whose records claim gigabytes", async (name) => {
    const bytes = await readFile(golden(name));
    let claims = 0;
    for (
      let at = bytes.indexOf("PK\x01\x02", 0, "latin1");
      at >= 0;
      at = bytes.indexOf("PK\x01\x02", at + 4, "latin1")
    ) {
      bytes.writeUInt32LE(0x7fff0000, at + 24);
      claims++;
    }
    expect(claims).toBeGreaterThan(3);
    const before = process.memoryUsage().rss;
    expect(await attempt(bytes)).toBeInstanceOf(DataError);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
  });

  it("a byte of a storage that fell over: its record and both checksums are named", async () => {
    const bytes = await readFile(golden("zip.pth"));
    // What follows the first record's local header, whose own lengths say where it ends.
    const record = bytes.indexOf("zip/data/0", 0, "latin1");
    const storage = record + bytes.readUInt16LE(record - 4) + bytes.readUInt16LE(record - 2);
    bytes[storage]! ^= 1;
    const error = await attempt(bytes);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toMatch(
      /: its record "data\/0" has the CRC-32 0x[0-9a-f]{8}, where 0x[0-9a-f]{8} is written\. It is damaged or no checkpoint; fetch it again\.$/,
    );
  });

  it("an archive whose records leave their folder", async () => {
    const whole = await readFile(golden("zip.pth"));
    const outside = Buffer.from(whole.toString("latin1").replaceAll("zip/data.pkl", "../data.pklx"), "latin1");
    expect(await attempt(outside)).toBeInstanceOf(DataError);
  });
});
