import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";

let directory: string;
const at = (...names: string[]): string => join(directory, ...names);
const planned = (...more: string[]) =>
  fixres([
    ...["plan", at("model"), "--data", at("pictures"), "--resolution", "48", "--threads", "1", "--measure", "0.1"],
    ...["--cache-dir", at("cache"), ...more],
  ]);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-plan-"));
  await makePictures(at("pictures"), { classes: 3, train: 12, val: 4 });
  const init = [
    "init",
    "efficientnet_b0",
    "--width",
    "0.25",
    "--depth",
    "0.25",
    "--classes",
    "3",
    "--out",
    at("model"),
  ];
  expect((await fixres(init)).code).toBe(0);
}, 60_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

it("tells people what is trained, how pictures are shown, what is kept, and what it takes", async () => {
  const { code, stdout, stderr } = await planned();
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(
    /^efficientnet_b0.*, 3 classes: classifier\+bn, recipe test, 30 epochs of 36 pictures in batches of 32\n/,
  );
  expect(stdout).toMatch(/^blocks\.0\.0 +14 tensors +[\d,]+ +frozen$/m);
  expect(stdout).toMatch(/^bn2\.running_var +\[320\] +320 +follows the batches$/m);
  expect(stdout).toMatch(/^classifier\.weight +\[3, 320\] +960 +trained$/m);
  expect(stdout).toMatch(/^ {2}bn2 \(320\) {2}by the batch's statistics.*weight and bias trained$/m);
  expect(stdout).toMatch(/^ {2}in the test {2}resolution 48, crop ratio 0.875, bicubic, center; mean/m);
  expect(stdout).toMatch(/^train +\[80, 2, 2\] float16 +36 +0.6 KiB +23 KiB +disk and memory +0$/m);
  expect(stdout).toMatch(/^ {2}first pass +[\d.]+ pictures\/s \(decoding alone [\d.]+\)$/m);
  expect(stdout).toMatch(/^ {2}memory +.* at most: /m);
  expect(await readdir(directory)).toEqual(["model", "pictures"]);
});

it("lists every tensor with --all, and says in the plan that features do not fit", async () => {
  const { code, stdout } = await planned("--all", "--cache-limit", "0.0000001");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^blocks\.0\.0\.bn1\.running_mean +\[8\] +8 +frozen$/m);
  expect(stdout).toMatch(/^train does not fit: the features of 36 pictures .*of --cache-limit\..*--cache none/m);
});

it("gives programs all of it, and takes every option of tune but --out", async () => {
  const { code, stdout } = await planned("--tune", "classifier", "--select-on", "holdout", "--json");
  expect(code).toBe(0);
  const { model, options, totals, features, estimate, fits } = JSON.parse(stdout);
  expect({ model, fits }).toEqual({ model: at("model"), fits: true });
  expect(options).toMatchObject({ mode: "classifier", selectOn: "holdout", preprocessing: { resolution: 48 } });
  expect(totals.trained).toEqual({ tensors: 2, count: 3 * 320 + 3 });
  expect(features.train).toMatchObject({ pictures: 36, type: "float16", found: 0 });
  expect(estimate.seconds.total).toBeGreaterThan(estimate.seconds.choosing);

  const optionsOf = async (name: string): Promise<string[]> => {
    const { stdout: help } = await fixres([name, "--help"]);
    return [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option!);
  };
  const own = new Set(await optionsOf("plan"));
  expect((await optionsOf("tune")).filter((option) => !own.has(option))).toEqual(["--out"]);
});

it.each([
  [["--tune", "everything"], 'fixres: what to tune is "everything"; choose one of classifier,'],
  [["--batch-size", "37"], "fixres: a batch of 37 is more than the 36 training pictures; choose at most that."],
  [["--measure", "0"], "Give a number above 0."],
])("refuses %j", async (more, text) => {
  const { code, stderr } = await planned(...more);
  expect(code).toBe(2);
  expect(stderr).toContain(text);
});

it("predicts the same on a queue with several workers", async () => {
  const { code, stdout, stderr } = await planned("--workers", "3", "--shard-size", "6", "--cache", "none", "--json");
  expect(code, stderr).toBe(0);
  const { queue } = JSON.parse(stdout);
  expect(queue).toMatchObject({ workers: 3, shardSize: 6, picturesPerSecond: expect.any(Number) });
  expect(queue.runs[0]).toMatchObject({ what: "features of train/", pictures: 36, shards: 6 });
  expect(queue.runs[0].seconds).toBeCloseTo(12 / queue.picturesPerSecond, 6);
  expect(queue.runs.map(({ pictures }: { pictures: number }) => pictures)).toEqual([
    36, 12, 1_281_167, 1_281_167, 50_000,
  ]);
});
