import { cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openFolder, type Source, testTransform } from "../../data/index.js";
import { DataError, RequestError } from "../../errors.js";
import { architecture, freshModel } from "../../models/index.js";
import { cacheEntries, removeEntries } from "./directory.js";
import { type FeatureOptions, Features } from "./features.js";

const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b"], 1);
const preprocessing = { ...model.input, resolution: 33 };
let directory: string;
let source: Source;
const at = (...names: string[]): string => join(directory, ...names);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-features-"));
  for (const [c, name] of ["a", "b"].entries()) {
    await mkdir(at("data", name), { recursive: true });
    for (let i = 0; i < 6; i++) {
      const noise = Uint8Array.from({ length: 40 * 40 * 3 }, (_, at) => (at * (31 + i) + 97 * c) % 256);
      const picture = sharp(noise, { raw: { width: 40, height: 40, channels: 3 } }).png();
      await writeFile(at("data", name, `${i}.png`), await picture.toBuffer());
    }
  }
  source = await openFolder(at("data"));
});
beforeEach(() => rm(at("cache"), { recursive: true, force: true }));
afterAll(() => rm(directory, { recursive: true, force: true }));

const options = (changes: Partial<FeatureOptions> = {}): FeatureOptions => ({
  model,
  mode: "classifier+bn",
  source,
  transform: testTransform(preprocessing),
  described: JSON.stringify(preprocessing),
  shown: { recipe: "test", preprocessing },
  seed: 0,
  draw: 0,
  copies: 1,
  type: "float16",
  onBadImage: "fail",
  cache: { where: "disk", directory: at("cache") },
  threads: 1,
  ...changes,
});

interface Read {
  /** The features of each picture, by its index. */
  readonly rows: Map<number, number[]>;
  readonly computed: number;
  readonly notes: string[];
  readonly bad: string[];
}

/** Reads features of some pictures, in an order. */
async function read(order: readonly number[], changes: Partial<FeatureOptions> = {}): Promise<Read> {
  const notes: string[] = [];
  const progress = { start: () => ({ advance() {}, end() {} }), note: (text: string) => notes.push(text) };
  const features = await Features.open(options({ progress, ...changes }));
  const rows = new Map<number, number[]>();
  try {
    for await (const batch of features.batches(Int32Array.from(order), { batchSize: 5, partial: true })) {
      for (let i = 0; i < batch.count; i++) {
        const [values] = Object.values(batch.features);
        const length = values!.length / 5;
        rows.set(batch.samples[i]!, [...values!.subarray(i * length, (i + 1) * length)].map(Number));
        expect(batch.labels[i]).toBe(source.samples[batch.samples[i]!]!.label);
      }
    }
    return { rows, computed: features.computed, notes, bad: features.bad.map(({ name }) => name) };
  } finally {
    await features.dispose();
  }
}

const ALL = [...Array(12).keys()];
const SHUFFLED = [7, 2, 11, 0, 9, 4, 1, 3, 10, 5, 8, 6];
const entry = async (): Promise<string> => (await cacheEntries(at("cache")))[0]!.folder;

describe("features", () => {
  it.each(["disk", "memory", "none"] as const)(
    "are the same whatever keeps them and in any order: %s",
    async (where) => {
      const { rows } = await read(ALL, { cache: { where: "memory" } });
      const cache = { where, directory: at("cache") };
      const shuffled = await read(SHUFFLED, { cache });
      expect([...shuffled.rows.keys()]).toEqual(SHUFFLED);
      for (const [sample, row] of rows) expect(shuffled.rows.get(sample)).toEqual(row);
      const part = await read([3, 8], { cache });
      expect(part.rows.get(8)).toEqual(rows.get(8));
      expect(part.computed).toBe(where === "disk" ? 0 : 2);
    },
  );

  it("are computed once, by whoever is first, also where memory is short", async () => {
    expect((await read([1, 2, 3])).computed).toBe(3);
    const cache = { where: "disk", directory: at("cache"), memoryBytes: 1 } as const;
    const rest = await read(SHUFFLED, { cache });
    expect(rest.computed).toBe(9);
    const found = await read(ALL, { cache });
    expect(found.computed).toBe(0);
    expect(new Map([...found.rows].sort(([a], [b]) => a - b))).toEqual(
      new Map([...rest.rows].sort(([a], [b]) => a - b)),
    );
  });

  it("are shared by modes that cut at the same place, and whatever the classifier", async () => {
    await read(ALL);
    const other = freshModel(model.arch, ["a", "b"], 1);
    const classifier = { ...other.tensors.get("classifier.weight")! };
    const tuned = {
      ...other,
      tensors: new Map([
        ...other.tensors,
        [
          "classifier.weight",
          { ...classifier, data: (classifier.data as Float32Array).map((v) => 2 * v) } as typeof classifier,
        ],
      ]),
    };
    expect((await read(ALL, { mode: "classifier+bn-stats", model: tuned })).computed).toBe(0);
  });

  it.each([
    ["other weights", { model: freshModel(model.arch, ["a", "b"], 2) }],
    ["another transform", { described: "another" }],
    ["another type", { type: "float32" as const }],
    ["another cut", { mode: "classifier" as const }],
  ])("are not those of %s", async (_, changes) => {
    await read(ALL);
    expect((await read(ALL, changes)).computed).toBe(12);
    expect(await cacheEntries(at("cache"))).toHaveLength(2);
  });

  it("are not those of a picture that has changed since", async () => {
    await read(ALL);
    await utimes(at("data", "a", "0.png"), new Date(), new Date(2001, 1, 1));
    expect((await read(ALL)).computed).toBe(12);
  });

  it.each(["disk", "memory"])("are computed again where a byte was damaged; features held in %s", async (held) => {
    const { rows } = await read(ALL);
    const path = join(await entry(), "rows");
    const content = await readFile(path);
    const stride = content.length / 12;
    content[5 * stride + 7]! ^= 4;
    await writeFile(path, content);
    const memoryBytes = held === "disk" ? 1 : 2 ** 30;
    const again = await read(SHUFFLED, { cache: { where: "disk", directory: at("cache"), memoryBytes } });
    expect(again.computed).toBe(1);
    expect(again.notes).toEqual([
      `the kept features of "${source.samples[5]!.name}" were damaged, and are computed again`,
    ]);
    expect(again.rows.get(5)).toEqual(rows.get(5));
    expect((await read(ALL)).computed).toBe(0);
  });

  it.each(["rows", "present", "about.json"])("are right where the file %s is gone", async (name) => {
    const { rows } = await read(ALL);
    await rm(join(await entry(), name));
    const again = await read(ALL);
    expect(again.rows).toEqual(rows);
    expect(again.computed).toBe(name === "about.json" ? 0 : 12);
  });

  it("are found where what tells of them was damaged, which is mended", async () => {
    await read(ALL);
    const folder = await entry();
    await writeFile(join(folder, "about.json"), "{");
    expect(await cacheEntries(at("cache"))).toEqual([]);
    expect((await read(ALL)).computed).toBe(0);
    expect(await entry()).toBe(folder);
  });

  it("are not those of another model whose files lie in their place", async () => {
    const { rows } = await read(ALL);
    const own = await entry();
    await read(ALL, { model: freshModel(model.arch, ["a", "b"], 2) });
    const other = (await cacheEntries(at("cache"))).find(({ folder }) => folder !== own)!.folder;
    for (const name of await readdir(other)) await cp(join(other, name), join(own, name));
    const again = await read(ALL);
    expect(again.computed).toBe(12);
    expect(again.rows).toEqual(rows);
  });

  it("leave out what cannot be read, and say so once", async () => {
    await cp(at("data"), at("broken"), { recursive: true });
    await writeFile(at("broken", "b", "1.png"), "no picture");
    const broken = await openFolder(at("broken"));
    await expect(read(ALL, { source: broken })).rejects.toThrow(DataError);
    const { rows, bad } = await read(SHUFFLED, { source: broken, onBadImage: "skip" });
    expect([...rows.keys()]).toEqual(SHUFFLED.filter((sample) => sample !== 7));
    expect(bad).toEqual(["b/1.png"]);
  });

  it("names the first damaged pictures alone where all are, and refuses a folder that is none", async () => {
    await read(ALL);
    await writeFile(join(await entry(), "rows"), Buffer.alloc(100_000));
    expect((await read(ALL)).notes).toHaveLength(4);
    const file = at("a-file");
    await writeFile(file, "");
    const opening = read(ALL, { cache: { where: "disk", directory: file } });
    await expect(opening).rejects.toThrow(RequestError);
    await expect(opening).rejects.toThrow(/the feature cache ".*a-file" cannot be used: not a directory. Give another/);
  });

  it("refuses what does not fit, with what to choose", async () => {
    const opening = read(ALL, { cache: { where: "disk", directory: at("cache"), limitBytes: 100 } });
    await expect(opening).rejects.toThrow(RequestError);
    await expect(opening).rejects.toThrow(
      /the features of 12 pictures \(classifier\+bn at 33 px, float16\) take \d+ KiB, more than the 100 bytes of --cache-limit. Raise that to 1 GiB, .*--tune classifier.*--cache none/,
    );
    expect((await read(ALL, { cache: { where: "none" } })).rows.size).toBe(12);
  });

  it("make room: those that were not used for longest go", async () => {
    const first = (await read(ALL)).notes;
    expect(first).toEqual([]);
    const one = (await cacheEntries(at("cache")))[0]!;
    await utimes(join(one.folder, "about.json"), new Date(), new Date(2001, 1, 1));
    await read(ALL, { described: "second" });
    const entries = await cacheEntries(at("cache"));
    const limitBytes = entries.reduce((sum, { bytes }) => sum + bytes, 0) + 10;
    const { notes } = await read(ALL, {
      described: "third",
      cache: { where: "disk", directory: at("cache"), limitBytes },
    });
    expect(notes).toEqual([`cache: features of efficientnet_b0 at 33 px on "${at("data")}" make room`]);
    expect((await cacheEntries(at("cache"))).map(({ transform }) => transform).sort()).toEqual(["second", "third"]);
    await removeEntries(await cacheEntries(at("cache")));
    expect(await cacheEntries(at("cache"))).toEqual([]);
  });
});
