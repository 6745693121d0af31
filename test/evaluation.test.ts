import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";

let directory: string;
let data: string;
let imagenet: string;
const at = (...names: string[]): string => join(directory, ...names);
const SMALL = ["efficientnet_b0", "--width", "0.25", "--depth", "0.25"];
const CLASSES = 6;

/** Runs a command that must end well, and reads what it prints. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of any kind
async function json(...args: string[]): Promise<any> {
  const { code, stdout, stderr } = await fixres([...args, "--json"]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-evaluation-"));
  data = at("pictures");
  imagenet = at("imagenet");
  await makePictures(data, { classes: CLASSES, train: 8, val: 6 });
  await makePictures(imagenet, { classes: CLASSES, train: 1, val: 6 });
  // The same pictures by names of ImageNet's validation set.
  let number = 0;
  for (const name of (await readdir(join(imagenet, "val"))).sort()) {
    for (const file of (await readdir(join(imagenet, "val", name))).sort()) {
      const digits = String(++number).padStart(8, "0");
      await rename(join(imagenet, "val", name, file), join(imagenet, "val", name, `ILSVRC2012_val_${digits}.JPEG`));
    }
  }
  // Trained a little, since a fresh model's probabilities are all but equal.
  const recipe = ["--resolution", "32", "--epochs", "2", "--batch-size", "12", "--threads", "1"];
  for (const seed of ["3", "4"]) {
    const run = await fixres([
      "train",
      ...SMALL,
      "--data",
      data,
      ...recipe,
      "--seed",
      seed,
      "--out",
      at(`run-${seed}`),
    ]);
    expect(run.code, run.stderr).toBe(0);
    await rename(at(`run-${seed}`, "model"), at(`model-${seed}`));
  }
}, 120_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

const ENGINE = ["--resolution", "32", "--threads", "1"];
const evaluated = (...more: string[]) => json("eval", at("model-3"), "--data", data, ...ENGINE, ...more);

describe("eval", () => {
  it("tells where accuracy is lost", async () => {
    const found = await evaluated();
    expect(found).toMatchObject({ n: 36, calibration: expect.any(Array), worst: expect.any(Array) });
    expect(found.perClass).toHaveLength(CLASSES);
    const count = (cells: number[][]): number => cells.reduce((sum, [, , times]) => sum + times!, 0);
    expect(count(found.confusion)).toBe(36);
    const diagonal = found.confusion.filter(([label, predicted]: number[]) => label === predicted);
    expect(count(diagonal) / 36).toBe(found.top1);
    const { stdout } = await fixres(["eval", at("model-3"), "--data", data, ...ENGINE, "--per-class"]);
    expect(stdout).toMatch(/calibration error \d+\.\d+%/);
    expect(stdout).toMatch(/class-0005 +6 /);
  });

  it("scores by ReaL labels, by file name", async () => {
    const real = Array.from({ length: 50 }, (_, i) => (i % 4 === 0 ? [] : i % 4 === 1 ? [0, 1, 2, 3, 4, 5] : [i % 6]));
    await writeFile(at("real.json"), JSON.stringify(real));
    const args = ["--data", imagenet, ...ENGINE, "--real", at("real.json")];
    const found = await json("eval", at("model-3"), ...args);
    expect(found).toMatchObject({ n: 27, real: { file: at("real.json"), leftOut: 9 } });
    expect(found.top1).toBeGreaterThanOrEqual(9 / 27);
    const { stdout } = await fixres(["eval", at("model-3"), ...args]);
    expect(stdout).toContain("27 pictures at 32 px under ReaL labels");
    const other = await fixres(["eval", at("model-3"), "--data", data, "--real", at("real.json")]);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('"class-0000/0.jpg" has no ReaL label') });
  });
});

it("a record is the same after a kill, and is not made anew where it is complete", async () => {
  const args = ["eval", at("model-3"), "--data", data, ...ENGINE, "--batch-size", "3"];
  const whole = await json(...args, "--out", at("whole"));
  expect(await readdir(at("whole"))).toEqual(["evaluation.json", "pictures.parquet", "run.json"]);
  const killed = await fixres([...args, "--out", at("killed")], { kill: "preprocessing" });
  expect(killed.code).toBeNull();
  const { record, ...found } = await json(...args, "--out", at("killed"));
  expect(record).toBe(at("killed"));
  expect(found).toMatchObject({ top1: whole.top1, loss: whole.loss, ece: whole.ece, n: 36 });
  for (const name of ["evaluation.json", "pictures.parquet"])
    expect((await readFile(at("killed", name))).equals(await readFile(at("whole", name)))).toBe(true);
  expect(await json(...args, "--out", at("killed"))).toMatchObject({ top1: whole.top1, imagesPerSecond: 0 });
  const other = await fixres([...args, "--out", at("killed"), "--crop-ratio", "1"]);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain("settings.cropRatio was 0.875, is 1");
});

it("extract leaves what score scores as eval did", async () => {
  const found = await json("extract", at("model-3"), "--data", data, ...ENGINE, "--out", at("extracted"));
  expect(found).toMatchObject({ n: 36, classes: CLASSES, features: 320 });
  expect(await readdir(at("extracted"))).toEqual([
    "extraction.json",
    "features.npy",
    "labels.npy",
    "names.txt",
    "softmax.npy",
  ]);
  const { top1, top5, loss, confusion } = await evaluated();
  const softmax = ["score", "--softmax", at("extracted", "softmax.npy")];
  for (const labels of [
    ["--labels", at("extracted", "labels.npy")],
    ["--data", data],
  ]) {
    const scored = await json(...softmax, ...labels);
    expect(scored).toMatchObject({ top1, top5, n: 36, confusion });
    expect(scored.loss).toBeCloseTo(loss, 5);
  }
  const { code, stderr } = await fixres([...softmax, "--labels", at("model-3", "model.json")]);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(/^fixres: labels .* is no \.npy file[^\n]*\n$/),
  });
});

it("compare tests records and models in pairs, beside published results", async () => {
  const more = ["--data", data, ...ENGINE, "--batch-size", "3", "--resamples", "200"];
  const found = await json("compare", at("whole"), at("model-4"), ...more);
  expect(found.rows.map(({ model, kind }: Record<string, unknown>) => [model, kind])).toEqual([
    [at("whole"), "measured"],
    [at("model-4"), "measured"],
  ]);
  expect(found.n).toBe(36);
  const [{ top1, loss }] = found.pairs;
  expect(top1.gain).toBeCloseTo(found.rows[1].top1 - found.rows[0].top1, 12);
  expect(loss.ci95[0]).toBeLessThanOrEqual(loss.difference);
  expect(
    found.published.every(
      ({ kind, arch }: Record<string, unknown>) => kind === "published" && arch === "efficientnet_b0",
    ),
  ).toBe(true);
  // The same seed gives the same, and records alone need no data.
  await json("eval", at("model-4"), "--data", data, ...ENGINE, "--batch-size", "3", "--out", at("second"));
  const again = await json("compare", at("whole"), at("second"), "--resamples", "200");
  expect(again.pairs[0].loss).toEqual(loss);
  const { stdout } = await fixres(["compare", at("whole"), at("second"), "--markdown"]);
  expect(stdout).toMatch(/^\| model \| {2}\| data \|/);
  expect(stdout).toContain("| FixEfficientNet-B0 (FixRes on AdvProp) | published | ImageNet val |");
  const csv = (await fixres(["compare", at("whole"), "--csv"])).stdout.split("\n");
  expect(csv[0]).toBe("model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation");
  const without = await fixres(["compare", at("whole"), at("model-4")]);
  expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining("is a model; give --data too") });
});

it("compare refuses other data and says what differs", async () => {
  await json("eval", at("model-3"), "--data", imagenet, ...ENGINE, "--out", at("other"));
  const { code, stderr } = await fixres(["compare", at("whole"), at("other")]);
  expect(code).toBe(2);
  expect(stderr).toContain('are not of the same data: the second has no picture "class-0000/0.jpg"');
});

it("eval --models measures many into one table, and writes timm's columns", async () => {
  const args = ["eval", "--models", at("model-*"), "--data", data, ...ENGINE, "--csv", at("results.csv")];
  const { rows } = await json(...args);
  expect(rows.map(({ model }: { model: string }) => model)).toEqual([at("model-3"), at("model-4")]);
  const lines = (await readFile(at("results.csv"), "utf8")).trim().split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[1]!.split(",").slice(1, 3)).toEqual([rows[0].top1, 1 - rows[0].top1].map((x) => (100 * x).toFixed(3)));
  const none = await fixres(["eval", "--models", at("nothing-*"), "--data", data]);
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("no path matches") });
  expect((await fixres(["eval", "--data", data])).code).toBe(2);
});
