import { copyFile, mkdir, mkdtemp, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openUnlabelled, type Source } from "../../data/index.js";
import { DataError, RequestError } from "../../errors.js";
import { evaluate, testPreprocessing } from "../../evaluate/index.js";
import { architecture, freshModel, type Model } from "../../models/index.js";
import { random } from "../../random.js";
import {
  contentsOfSource,
  joinLabels,
  type LabelIntoOptions,
  labelInto,
  openLabels,
  readColumns,
  readProbabilities,
} from "./index.js";
import { taughtBy } from "./taught.js";

const CLASSES = ["ash", "birch", "cedar"];
let folder: string;
let source: Source;
let model: Model;
let options: LabelIntoOptions;
const at = (...names: string[]): string => join(folder, ...names);
const label = (name: string, own: Partial<LabelIntoOptions> = {}, of = model) =>
  labelInto(at(name), "teacher", of, source, { ...options, ...own });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-labels-"));
  const stream = random(5, "pictures");
  await mkdir(at("pictures", "below"), { recursive: true });
  for (let i = 0; i < 11; i++) {
    const noise = Uint8Array.from({ length: 40 * 36 * 3 }, () => stream.integer(256));
    const image = sharp(noise, { raw: { width: 40, height: 36, channels: 3 } });
    await image.png().toFile(at("pictures", ...(i % 2 === 0 ? ["below"] : []), `${i}.png`));
  }
  await writeFile(at("pictures", "5.png"), "no picture");
  source = await openUnlabelled(at("pictures"));
  const fresh = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), CLASSES, 5);
  model = { ...fresh, input: { ...fresh.input, resolution: 32 } };
  const preprocessing = testPreprocessing(model.input, {});
  options = { preprocessing, threads: 1, batchSize: 4, onBadImage: "skip" };
});
afterAll(() => rm(folder, { recursive: true }));

describe("pseudo labels", () => {
  it("are what an evaluation gives, a row a picture, without those that cannot be read", async () => {
    const file = await label("labels.parquet");
    expect([file.n, file.bad.map(({ name }) => name)]).toEqual([10, ["5.png"]]);
    const { label: found, confidence, name, index } = await readColumns(file);
    expect(name).toEqual(Array.from(index, (place) => source.samples[place]!.name));
    expect(name.filter((own) => own.startsWith("below/"))).toHaveLength(6);
    const probabilities = await readProbabilities(
      file,
      Int32Array.from({ length: 10 }, (_, i) => i),
    );
    for (let row = 0; row < 10; row++) {
      const own = [...probabilities.subarray(3 * row, 3 * row + 3)];
      expect(own.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      expect([own.indexOf(Math.max(...own)), Math.max(...own)]).toEqual([found[row], confidence[row]]);
    }
    // As a test is: the loss of the label 0 is its negative log likelihood.
    const asTest: Source = { ...source, classes: CLASSES };
    const { loss } = await evaluate(model, asTest, { ...options, progress: undefined });
    const mean =
      Array.from({ length: 10 }, (_, row) => -Math.log(probabilities[3 * row]!)).reduce((a, b) => a + b) / 10;
    expect(mean).toBeCloseTo(loss, 5);
    expect([...(await readProbabilities(file, [2, 7]))]).toEqual([
      ...probabilities.subarray(6, 9),
      ...probabilities.subarray(21, 24),
    ]);
  });

  it("are the same where labelling was stopped, at any byte, and where they are complete already", async () => {
    const wanted = await readFile(at("labels.parquet"));
    const controller = new AbortController();
    const stopped = label("again.parquet", {
      signal: controller.signal,
      progress: {
        note() {},
        start: () => ({ advance: () => controller.abort(new Error("stopped")), end() {} }),
      },
    });
    await expect(stopped).rejects.toThrow("stopped");
    const log = await readFile(at(".again.parquet.jsonl"));
    const head = log.indexOf(10) + 1;
    expect(log.length).toBeGreaterThan(head);
    for (const length of [0, 7, head, head + 20, log.length - 1, log.length]) {
      await writeFile(at(".again.parquet.jsonl"), log);
      await truncate(at(".again.parquet.jsonl"), length);
      await rm(at("again.parquet"), { force: true });
      await label("again.parquet");
      expect((await readFile(at("again.parquet"))).equals(wanted), String(length)).toBe(true);
    }
    expect((await label("again.parquet")).n).toBe(10);
  });

  it("of parts are those of the whole, joined in any order", async () => {
    for (const [i, range] of (
      [
        [0, 3],
        [3, 6],
        [6, 11],
      ] as const
    ).entries())
      await label(`part-${i}.parquet`, { range });
    const parts = [2, 0, 1].map((i) => at(`part-${i}.parquet`));
    const file = await joinLabels(parts, at("joined.parquet"));
    expect(file.bad.map(({ name }) => name)).toEqual(["5.png"]);
    expect((await readFile(at("joined.parquet"))).equals(await readFile(at("labels.parquet")))).toBe(true);
    await expect(joinLabels([parts[0]!, parts[1]!], at("never.parquet"))).rejects.toThrow(
      `ends before picture 3, but the next, "${parts[0]}", begins with 6`,
    );
  });

  it("go on with the same teacher, pictures and options alone", async () => {
    const other = { ...model, ...freshModel(model.arch as never, CLASSES, 6), input: model.input };
    await expect(label("labels.parquet", {}, other)).rejects.toThrow(RequestError);
    await expect(label("labels.parquet", {}, other)).rejects.toThrow("model.fingerprint differs");
    await label("other.parquet", { range: [3, 6] }, other);
    await expect(joinLabels([at("part-0.parquet"), at("other.parquet")], at("never.parquet"))).rejects.toThrow(
      "do not belong together: model.fingerprint differs",
    );
    await expect(label("new.parquet", { range: [4, 4] })).rejects.toThrow("no pictures 4 to 4 among 11");
  });

  it("of something else are refused", async () => {
    await writeFile(at("text.parquet"), "PAR1 and nothing else");
    await expect(openLabels(at("text.parquet"))).rejects.toThrow(DataError);
    await expect(openLabels(at("nowhere.parquet"))).rejects.toThrow("does not exist");
  });
});

describe("what a student is taught", () => {
  const teach = async (own: Source, forbidden: ReadonlySet<string> = new Set(), classes = CLASSES) =>
    taughtBy(
      await openLabels(at("labels.parquet")),
      own,
      classes,
      { threshold: 0, balance: "none", perClass: 0, pseudoLabels: "soft", seed: 0 },
      forbidden,
    );

  it("leaves out pictures of the validation, whatever file they are in", async () => {
    await mkdir(at("val"));
    // The same pixels in a file of other bytes, and the same file under another name.
    await sharp(at("pictures", "3.png")).png({ compressionLevel: 1 }).toFile(at("val", "x.png"));
    await copyFile(at("pictures", "below", "4.png"), at("val", "y.png"));
    const forbidden = await contentsOfSource(await openUnlabelled(at("val")), options);
    const { taught, leaked } = await teach(source, forbidden);
    expect([...leaked].sort()).toEqual(["3.png", "below/4.png"]);
    expect(taught.source.samples).toHaveLength(8);
    expect(taught.fingerprint).not.toBe((await teach(source)).taught.fingerprint);
  });

  it("tells of it where there are no others", async () => {
    const forbidden = await contentsOfSource(source, options);
    await expect(teach(source, forbidden)).rejects.toThrow(/^all \d+ pictures of ".*" are of the validation too/);
  });

  it("has the teacher's labels and probabilities", async () => {
    const { taught } = await teach(source);
    const file = await openLabels(at("labels.parquet"));
    const { label: labels, name } = await readColumns(file);
    expect(Array.from(taught.source.samples, (sample) => [sample.name, sample.label])).toEqual(
      name.map((own, row) => [own, labels[row]]),
    );
    expect(taught.probabilities).toEqual(await readProbabilities(file, [...name.keys()]));
    expect([...taught.places].sort((a, b) => a - b)).toEqual([...name.keys()]);
  });

  it("is not of other pictures or classes", async () => {
    await expect(teach(source, new Set(), ["ash", "cedar", "birch"])).rejects.toThrow(
      'class 1 is "birch" there and "cedar" here',
    );
    await expect(teach(source, new Set(), ["ash"])).rejects.toThrow("are of 3 classes, the data's 1");
    const before = await readFile(at("pictures", "1.png"));
    await copyFile(at("pictures", "3.png"), at("pictures", "1.png"));
    await expect(teach(source)).rejects.toThrow('"1.png" is no longer the picture that');
    await writeFile(at("pictures", "1.png"), before);
    await rename(at("pictures", "1.png"), at("pictures", "1a.png"));
    await expect(teach(await openUnlabelled(at("pictures")))).rejects.toThrow(
      'has labels of other pictures, such as "1.png"',
    );
  });
});
