import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSplits, type Splits } from "../../data/index.js";
import { DataError, RequestError } from "../../errors.js";
import { testPreprocessing } from "../../evaluate/index.js";
import { architecture, freshModel, loadModel, type Model } from "../../models/index.js";
import { elements } from "../../onnx/index.js";
import { type Plan, plan, TUNE_DEFAULTS, type TuneModeName, type TuneOptions, tune } from "../index.js";

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../test/golden/onnx/${name}.onnx`, import.meta.url));
const CLASSES = ["0", "1", "2", "3", "4"];
const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), CLASSES, 1);
let directory: string;
let data: Splits;
const at = (...names: string[]): string => join(directory, ...names);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-plan-"));
  for (const [part, count] of [
    ["train", 4],
    ["val", 2],
  ] as const) {
    for (const [c, name] of CLASSES.entries()) {
      await mkdir(at("data", part, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const noise = Uint8Array.from({ length: 60 * 50 * 3 }, (_, at) => (at * (31 + i) + 97 * c) % 256);
        await sharp(noise, { raw: { width: 60, height: 50, channels: 3 } }).toFile(at("data", part, name, `${i}.png`));
      }
    }
  }
  data = await openSplits(at("data"), { classes: CLASSES });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const optionsOf = (own: Model, changes: Partial<TuneOptions> = {}): TuneOptions => ({
  ...TUNE_DEFAULTS,
  preprocessing: testPreprocessing(own.input, { resolution: 48 }),
  ...{ batchSize: 8, epochs: 2, baseLearningRate: 0.1 },
  ...changes,
});
const short = { threads: 1, measureSeconds: 0.1 };
const cacheAt = (name: string) => ({ where: "disk", directory: at(name) }) as const;
const namesOf = (found: Plan, ...fates: string[]): string[] =>
  found.tensors.filter(({ fate }) => fates.includes(fate)).map(({ name }) => name);

describe.each<TuneModeName>(["classifier", "classifier+bn-stats", "classifier+bn", "head", "last:1", "all"])(
  "a plan of %s",
  (mode) => {
    it("names the tensors that the tuning then changes, and the bytes that it keeps; it writes nothing itself", async () => {
      const cache = cacheAt(`cache-${mode}`);
      const found = await plan(model, data, optionsOf(model, { mode }), { cache, ...short });
      expect(await readdir(directory)).not.toContain(`cache-${mode}`);
      expect(found.tensors.map(({ name }) => name).sort()).toEqual([...model.tensors.keys()].sort());
      for (const { name, shape, count } of found.tensors) {
        expect(shape).toEqual(model.tensors.get(name)!.shape);
        expect(count).toBe(elements(shape));
      }

      const fates = new Map(found.tensors.map(({ name, fate }) => [name, fate]));
      expect(found.norms).toHaveLength(
        [...model.tensors.keys()].filter((name) => name.endsWith("running_mean")).length,
      );
      for (const { name, statistics, affine, channels, fresh } of found.norms) {
        expect(statistics === "batch", name).toBe(fates.get(`${name}.running_mean`) === "follows");
        expect(affine === "trained", name).toBe(fates.get(`${name}.weight`) === "trained");
        expect(model.tensors.get(`${name}.bias`)!.shape).toEqual([channels]);
        expect(fresh).toBe(false);
      }

      const out = at(`tuned-${mode}`);
      const tuned = await tune(model, data, optionsOf(model, { mode }), { cache, threads: 1, directory: out });
      const after = await loadModel(out);
      const changed = [...model.tensors.keys()].filter((name) => {
        const [old, now] = [model.tensors.get(name)!.data, after.tensors.get(name)!.data];
        return !Buffer.from(old.buffer, old.byteOffset, old.byteLength).equals(
          Buffer.from(now.buffer, now.byteOffset, now.byteLength),
        );
      });
      expect(namesOf(found, "trained", "follows").sort()).toEqual(changed.sort());
      const { train, val } = found.features;
      expect(train.bytes + val.bytes).toBe(tuned.cache.bytes);
      expect([train.where, train.found, val.found]).toEqual([tuned.cache.where, 0, 0]);

      const again = await plan(model, data, optionsOf(model, { mode }), { cache, ...short });
      expect([again.features.train.found, again.features.val.found]).toEqual([20, 10]);
      expect(again.estimate.picturesPerSecond).toBeNull();
      expect(again.estimate.seconds).toMatchObject({ trainFeatures: 0, valFeatures: 0 });
    });
  },
);

describe("a plan for an ONNX classifier", () => {
  it("has the BatchNorm that is put behind the convolution that its own is folded into", async () => {
    const own = await loadModel(golden("residual.old"));
    const found = await plan(own, data, optionsOf(own), short);
    const fresh = found.norms.filter((norm) => norm.fresh);
    expect(fresh).toMatchObject([{ statistics: "batch", affine: "trained" }]);
    expect(namesOf(found, "follows")).toHaveLength(2);
    expect(namesOf(found, "trained").filter((name) => /batch_norm\.(weight|bias)$/.test(name))).toHaveLength(2);
    expect(found.totals.trained.tensors).toBe(namesOf(found, "trained").length);
    expect(found.estimate.seconds.total).toBeGreaterThan(0);
  });

  it("is refused in the words of tune where its resolution is written out", async () => {
    const own = await loadModel(golden("fixed.old"));
    const preprocessing = testPreprocessing(own.input, { resolution: 64 });
    const options = optionsOf(own, { mode: "classifier", preprocessing });
    const words = /^Gemm "\/fc\/Gemm" .*: inner dimensions \d+ and 8 differ\./;
    await expect(plan(own, data, options, short)).rejects.toThrow(words);
    await expect(tune(own, data, options, { directory: at("none") })).rejects.toThrow(words);
  });
});

describe("a plan", () => {
  it("says that features do not fit, and what to choose, and goes on", async () => {
    const cache = { ...cacheAt("small"), limitBytes: 1000 };
    const { fits, features, estimate } = await plan(model, data, optionsOf(model), { cache, ...short });
    expect(fits).toBe(false);
    expect(features.train.fault).toMatch(
      /^the features of 20 pictures .* more than the 1000 bytes of --cache-limit\. .*--tune classifier/,
    );
    expect(estimate.seconds.total).toBeGreaterThan(0);
    const none = await plan(model, data, optionsOf(model), { cache: { where: "none" }, ...short });
    expect(none.fits).toBe(true);
    expect(none.features.train).toMatchObject({ where: "none", inMemory: false, entries: [] });
    expect(none.estimate.seconds.laterEpoch).toBeGreaterThan(20 / none.estimate.picturesPerSecond!);
  });

  it("measures what is plausible, and shows both transforms", async () => {
    const found = await plan(model, data, optionsOf(model, { selectOn: "holdout", holdout: 0.25 }), short);
    const { seconds, memory, picturesPerSecond, decodedPerSecond } = found.estimate;
    expect(Math.min(decodedPerSecond, picturesPerSecond!)).toBeGreaterThan(0);
    expect(seconds.firstEpoch).toBeGreaterThan(seconds.laterEpoch);
    expect(seconds.total).toBeGreaterThan(seconds.choosing + 2 * seconds.laterEpoch);
    expect(memory.peak).toBe(memory.base + memory.trunk + memory.top + memory.features);
    expect(memory.base).toBeGreaterThan(2 ** 24);
    expect(found.transforms.training).toEqual(found.transforms.test);
    expect(found.transforms.test.words).toContain("resolution 48, crop ratio 0.875, bicubic, center; mean 0.485");
  });

  it("refuses what tune refuses", async () => {
    await expect(plan(model, data, optionsOf(model, { batchSize: 21 }))).rejects.toThrow(RequestError);
    await expect(plan(model, data, optionsOf(model, { mode: "last:9" }))).rejects.toThrow(/has 7 blocks/);
    const unknown = optionsOf(model, { mode: "everything" as TuneModeName });
    await expect(plan(model, data, unknown)).rejects.toThrow(/what to tune is "everything"; choose one of/);
  });

  it("ends at a picture that cannot be read, unless such are left out", async () => {
    for (const part of ["train", "val"]) {
      await mkdir(at("bad", part, "0"), { recursive: true });
      for (let i = 0; i < 8; i++) await writeFile(at("bad", part, "0", `${i}.png`), "no picture");
    }
    const bad = await openSplits(at("bad"), { classes: ["0"] });
    const own = freshModel(model.arch, ["0"], 1);
    await expect(plan(own, bad, optionsOf(own))).rejects.toThrow(DataError);
    await expect(plan(own, bad, optionsOf(own, { onBadImage: "skip" }))).rejects.toThrow(/no picture could be read/);
  });
});
