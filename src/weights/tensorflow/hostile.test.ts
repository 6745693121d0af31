import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../../errors.js";
import { random } from "../../random.js";
import { block, type Entry, entry, header, table, writeBundle } from "./bundle.testing.js";
import { openTensorflowCheckpoint } from "./checkpoint.js";
import { maskedChecksum } from "./checksum.js";

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../test/golden/tensorflow/${name}`, import.meta.url));

let folder: string;
let prefix: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-hostile-"));
  prefix = join(folder, "x");
});
afterAll(() => rm(folder, { recursive: true }));

/** Reads all that a checkpoint holds. @returns what went wrong, or null */
async function attempt(): Promise<unknown> {
  try {
    const source = await openTensorflowCheckpoint(prefix);
    const readable = [...source.tensors].filter(([name, { dtype }]) => /float/.test(dtype) && name !== "in_parts");
    for (const [, tensor] of readable) await tensor.read();
    return null;
  } catch (error) {
    return error;
  }
}

/** What is wrong with an index over a data file of 16 bytes, and that it is said in one line. */
async function faultOf(index: Uint8Array): Promise<string> {
  await writeFile(`${prefix}.index`, index);
  await writeFile(`${prefix}.data-00000-of-00001`, DATA);
  const error = await attempt();
  expect(error).toBeInstanceOf(DataError);
  const { message } = error as Error;
  expect(message).toMatch(/^checkpoint "[^\n]{1,600}\.$/);
  return message;
}

const DATA = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const sum = (begin: number, end: number): number => maskedChecksum(DATA.subarray(begin, end));
const PAIR = { shape: [2], size: 8, checksum: sum(0, 8) };
const one = (...entries: readonly Entry[]): Buffer => table([block([["", header()], ...entries])]);

it("is read where it is one", async () => {
  const second = entry({ ...PAIR, offset: 8, checksum: sum(8, 16) });
  await writeBundle(
    prefix,
    [
      ["n/a", entry(PAIR)],
      ["n/b", second],
    ],
    DATA,
  );
  const source = await openTensorflowCheckpoint(prefix);
  expect((await source.tensors.get("b")!.read()).data).toEqual(Float32Array.of(3, 4));
});

describe("a tensor that is none", () => {
  it.each<[string, Uint8Array, string]>([
    [
      "beyond its file",
      entry({ ...PAIR, offset: 12 }),
      'has 16 bytes, and tensor "w" ends at byte 20. It was cut short',
    ],
    ["far beyond", entry({ ...PAIR, offset: 2n ** 52n }), "ends at byte 4503599627370504"],
    ["beyond all numbers", entry({ ...PAIR, offset: 2n ** 62n }), "has no whole number in field 4"],
    ["a terabyte", entry({ shape: [2 ** 38], size: 2 ** 40 }), "ends at byte 1099511627776"],
    ["before its file", entry({ ...PAIR, offset: -8 }), "has 8 bytes at byte -8"],
    ["of less than nothing", entry({ ...PAIR, size: -8 }), "has -8 bytes at byte 0"],
    ["of other bytes than its shape's", entry({ ...PAIR, shape: [3] }), "has 8 bytes, and float32 [3] takes 12"],
    ["with a negative axis", entry({ ...PAIR, shape: [-2] }), "has an axis of length -2"],
    ["with absurd axes", entry({ ...PAIR, shape: [2n ** 53n - 1n, 2n ** 53n - 1n] }), "has 8 bytes, and float32"],
    ["with axes beyond all numbers", entry({ ...PAIR, shape: [2n ** 60n] }), "has no whole number in field 1"],
    ["with a thousand axes", entry({ ...PAIR, shape: Array(1000).fill(1) }), "has 1000 axes; 254 are"],
    [
      "with millions of axes",
      entry({ ...PAIR, shape: Array(1e6).fill(1) }),
      'the entry of tensor "w" has 4000014 bytes',
    ],
    ["in a file that is not there", entry({ ...PAIR, shard: 1 }), "lies in data file 1, and there are 1 from 0"],
    ["in a file before the first", entry({ ...PAIR, shard: -1 }), "lies in data file -1"],
    ["of an unknown type", entry({ ...PAIR, dtype: 999, offset: 12 }), "ends at byte 20"],
    ["no message", Uint8Array.of(0x07), 'the entry of tensor "w" is no protocol buffer'],
    ["cut short", entry(PAIR).subarray(0, 4), 'the entry of tensor "w" is no protocol buffer'],
    ["a text for its type", Uint8Array.of(0x0a, 1, 1), "has no whole number in field 1"],
    ["a number for its shape", Uint8Array.of(0x10, 1), "has no message in field 2"],
    ["of an unknown rank", Uint8Array.of(0x08, 1, 0x12, 2, 0x18, 1), "has no known shape"],
    ["other than when it was written", entry({ ...PAIR, checksum: 1 }), 'tensor "w" has the checksum 0x'],
  ])("%s", async (_, value, text) => {
    expect(await faultOf(one(["w", value]))).toContain(text);
  });

  it("one over the other", async () => {
    const other = entry({ ...PAIR, offset: 4, checksum: sum(4, 12) });
    expect(await faultOf(one(["a", entry(PAIR)], ["b", other]))).toContain(
      'tensor "b" at byte 4 overlaps the one before, up to 8',
    );
    expect(await faultOf(one(["a", entry(PAIR)], ["b", entry(PAIR)]))).toContain("overlaps");
  });

  it("over its own optimizer's slot, which is not even read", async () => {
    expect(await faultOf(one(["a", entry(PAIR)], ["a/RMSProp", entry(PAIR)]))).toContain("overlaps");
  });
});

describe("an index that is none", () => {
  const W: Entry = ["w", entry(PAIR)];
  const words = (...values: readonly number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
  const handle = (...bytes: readonly number[]): Buffer => Buffer.from(bytes);
  it.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(0), "it has 0 bytes, and its footer alone takes 48"],
    ["zeros", new Uint8Array(1000), "it does not end as an index does"],
    ["without blocks", table([]), "it is empty"],
    ["without entries", table([block([])]), "it is empty"],
    ["without a header", table([block([W])]), "it does not begin with a header"],
    ["of no files", table([block([["", header({ shards: 0 })], W])]), "its header speaks of 0 data files"],
    ["of endless files", table([block([["", header({ shards: 2 ** 31 - 1 })], W])]), "speaks of 2147483647 data files"],
    ["of fewer than no files", table([block([["", header({ shards: -1 })], W])]), "speaks of -1 data files"],
    [
      "of another order of bytes",
      table([block([["", header({ endianness: 1 })], W])]),
      "in big-endian order. Save it on",
    ],
    ["of the future", table([block([["", header({ needed: 2 })], W])]), "it needs a reader of version 2"],
    ["with a header that is none", table([block([["", Uint8Array.of(0xff)], W])]), "its header is no protocol buffer"],
    ["without tensors", one(), "it holds no tensors"],
    ["of slots alone", one(["a/RMSProp", entry(PAIR)], ["global_step", entry({ dtype: 9, size: 8 })]), "overlaps"],
    ["compressed", table([block([["", header()], W])], { compression: 1 }), "is compressed by Snappy, and only plain"],
    ["compressed anyhow", table([block([["", header()], W])], { compression: 9 }), "by the unknown method 9"],
    ["out of order", one(["b", entry(PAIR)], ["a", entry(PAIR)]), "its keys are not in order"],
    ["with a name twice", one(W, W), "its keys are not in order"],
    [
      "with the same block twice",
      table([block([["", header()]])], { handles: [handle(0, 21), handle(0, 21)] }),
      "not in order",
    ],
    ["with a name of two lines", one(["a\nb", entry(PAIR)]), '"a\\nb" is no name of a tensor'],
    ["with a name that is no text", one([Uint8Array.of(0x61, 0xff), entry(PAIR)]), "is no name of a tensor"],
    ["with a name without end", one(["n".repeat(5000), entry(PAIR)]), "a name has 5000 bytes; 4096 are the most"],
    ["with restarts beyond its block", table([block([W], words(0, 2 ** 32 - 1))]), "claims 4294967295 restart points"],
    ["with a restart elsewhere", table([block([W], words(10_000, 1))]), "a restart point is at byte 10000 of the"],
    ["with a block of no length", table([Buffer.alloc(0)]), "a block has 0 bytes, and the number of its restart"],
    ["with a key of shared bytes", table([block([], Buffer.concat([handle(9, 0, 0), words(0, 1)]))]), "shares 9 bytes"],
    ["with a key beyond", table([block([], Buffer.concat([handle(0, 99, 0), words(0, 1)]))]), "claims 99 bytes beyond"],
    [
      "with a value of 4 GB",
      table([block([], Buffer.concat([handle(0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f), words(0, 1)]))]),
      "claims 4294967295 bytes beyond its block",
    ],
    [
      "with a number without end",
      table([block([], Buffer.concat([handle(0, 0, 0xff), words(0, 1)]))]),
      "ends within a number",
    ],
    [
      "with a number too long",
      table([block([], Buffer.concat([Buffer.alloc(40, 0xff), words(0, 1)]))]),
      "ends within a number",
    ],
    [
      "with a block elsewhere",
      table([block([])], { handles: [handle(0xff, 0x7f, 1)] }),
      "a block ends at byte 16389 of",
    ],
    [
      "with a block beyond all numbers",
      table([block([])], { handles: [Buffer.concat([Buffer.alloc(9, 0xff), handle(1, 1)])] }),
      "a block ends at byte 18446744073709552000 of",
    ],
    ["with half a place", table([block([])], { handles: [handle(1)] }), "the place of a block ends within a number"],
  ])("%s", async (_, index, text) => {
    expect(await faultOf(index)).toContain(text);
  });

  it("makes no more of shared beginnings than it says", async () => {
    // Each key has all of the one before and a byte more: n² bytes out of n.
    const keys = Array.from({ length: 16_000 }, (_, i): Entry => ["n".repeat(i + 1), new Uint8Array(0)]);
    const before = process.memoryUsage().rss;
    expect(await faultOf(table([block([["", header()], ...keys])]))).toMatch(
      /is no protocol|most|more than|has 0 bytes/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 2 ** 20);
  });

  it("makes no more of small entries than it can hold", async () => {
    const names = Array.from(
      { length: 200_000 },
      (_, i): Entry => [`n${String(i).padStart(6, "0")}`, new Uint8Array(0)],
    );
    expect(await faultOf(table([block([["", header()]]), block(names)]))).toContain("it has more than 100000 tensors");
  });

  it("is not read where it is larger than any", async () => {
    await writeFile(`${prefix}.index`, one(W));
    await truncate(`${prefix}.index`, 2 ** 34);
    const before = process.memoryUsage().rss;
    expect(((await attempt()) as Error).message).toContain(
      "it has 17179869184 bytes, and an index has 67108864 at most",
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 2 ** 20);
  });
});

describe("a damaged checkpoint", () => {
  const whole = async () => {
    const [index, data] = await Promise.all([
      readFile(golden("types.ckpt.index")),
      readFile(golden("types.ckpt.data-00000-of-00001")),
    ]);
    return { index, data };
  };
  const write = async ({ index, data }: { index: Uint8Array; data: Uint8Array }): Promise<void> => {
    await writeFile(`${prefix}.index`, index);
    await writeFile(`${prefix}.data-00000-of-00001`, data);
  };

  it("cut short anywhere", async () => {
    const { index, data } = await whole();
    for (let length = 0; length < index.length; length++) {
      await write({ index: index.subarray(0, length), data });
      expect(await attempt(), `index of ${length}`).toBeInstanceOf(DataError);
    }
    // Behind the others lie the parts of a variable, which nobody reads.
    for (let length = 0; length < data.length - 32; length++) {
      await write({ index, data: data.subarray(0, length) });
      expect(await attempt(), `data of ${length}`).toBeInstanceOf(DataError);
    }
  });

  it("with a bit that fell over: found in every tensor, and everywhere in the index but in its padding", async () => {
    const { index, data } = await whole();
    let unread = 0;
    for (let at = 0; at < index.length; at++) {
      const damaged = Uint8Array.from(index);
      damaged[at]! ^= 1 << (at % 8);
      await write({ index: damaged, data });
      const error = await attempt();
      if (error === null) unread++;
      else expect(error).toBeInstanceOf(DataError);
    }
    // The block about filters with its checksum, and what the footer is padded with.
    expect(unread).toBeLessThan(13 + 40);
    let refused = 0;
    for (let at = 0; at < data.length; at++) {
      const damaged = Uint8Array.from(data);
      damaged[at]! ^= 1 << (at % 8);
      await write({ index, data: damaged });
      const error = await attempt();
      if (error === null) continue;
      refused++;
      expect((error as Error).message).toMatch(/tensor "[^\n]*" has the checksum 0x\w{8}, where 0x\w{8} is written/);
    }
    const { length } = new Uint8Array(4 * 6 + 8 * 3 + 2 * 4 + 2 * 5);
    expect(refused).toBe(length);
  });

  it("with anything in its blocks, and the right checksums: what it says, or one clear line", async () => {
    const stream = random(1, "tensorflow");
    const outcomes = { read: 0, refused: 0 };
    const valid = block([
      ["", header()],
      ["n/a", entry(PAIR)],
      ["n/b", entry({ ...PAIR, offset: 8, checksum: sum(8, 16) })],
    ]);
    await writeFile(`${prefix}.data-00000-of-00001`, DATA);
    for (let round = 0; round < 1500; round++) {
      const length = stream.uniform() < 0.1 ? stream.integer(valid.length) : valid.length;
      const content = Buffer.from(valid.subarray(0, length));
      for (let flips = 1 + stream.integer(3); flips > 0 && content.length > 0; flips--)
        content[stream.integer(content.length)]! ^= 1 << stream.integer(8);
      await writeFile(`${prefix}.index`, table([content]));
      const error = await attempt();
      outcomes[error === null ? "read" : "refused"]++;
      if (error === null) continue;
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).not.toContain("\n");
    }
    expect(outcomes.read).toBeGreaterThan(30);
    expect(outcomes.refused).toBeGreaterThan(500);
  }, 60_000);
});
