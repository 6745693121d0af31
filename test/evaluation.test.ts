import { mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
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
  await makePictures(data, { classes: CLASSES, train: 1, val: 6 });
  await makePictures(imagenet, { classes: CLASSES, train: 1, val: 6 });
  // The same pictures by names of ImageNet's validation set.
  let number = 0;
  for (const name of (await readdir(join(imagenet, "val"))).sort()) {
    for (const file of (await readdir(join(imagenet, "val", name))).sort()) {
      const digits = String(++number).padStart(8, "0");
      await rename(join(imagenet, "val", name, file), join(imagenet, "val", name, `ILSVRC2012_val_${digits}.JPEG`));
    }
  }
  for (const seed of ["3", "4"]) {
    const init = ["--classes", String(CLASSES), "--seed", seed, "--out", at(`model-${seed}`)];
    expect((await fixres(["init", ...SMALL, ...init])).code).toBe(0);
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
