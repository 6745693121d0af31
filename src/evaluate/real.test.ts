import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Source } from "../data/index.js";
import { DataError } from "../errors.js";
import { IMAGENET_IDS } from "../models/index.js";
import { random } from "../random.js";
import { detailedTally } from "./details.js";
import { scoreLogits } from "./metrics.js";
import { readRealLabels, underRealLabels } from "./real.js";

const sourceOf = (classes: readonly string[], names: readonly string[]): Source => ({
  name: "val",
  classes,
  samples: names.map((name, i) => ({ path: `/val/${name}`, name, label: i % classes.length })),
  notes: [],
});
const fileName = (number: number): string => `ILSVRC2012_val_${String(number).padStart(8, "0")}.JPEG`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-real-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("readRealLabels", () => {
  it("reads lists of class indices", async () => {
    await writeFile(join(folder, "real.json"), "[[], [970, 795], [809]]");
    expect(await readRealLabels(join(folder, "real.json"))).toEqual([[], [970, 795], [809]]);
  });

  it.each([
    ['{"1": [2]}', "is"],
    ["[[1], [2.5]]", "[1][0] is 2.5"],
    ["[[1], [-1]]", "[1][0] is -1"],
    ["[[1], 5]", "[1] is 5"],
    ["[]", "its content is []"],
    ["[[1]", "is not JSON"],
  ])("refuses %s", async (text, message) => {
    await writeFile(join(folder, "wrong.json"), text);
    const reading = readRealLabels(join(folder, "wrong.json"));
    await expect(reading).rejects.toThrow(DataError);
    await expect(reading).rejects.toThrow(message);
  });
});

describe("underRealLabels", () => {
  const labels = [[], [1, 2], [0], [2]];

  it("goes by the number in a picture's name, in any order and of any part", () => {
    const names = [`a/${fileName(4)}`, `b/${fileName(1)}`, `c/${fileName(2).replace("JPEG", "png")}`];
    const { source, truth, leftOut } = underRealLabels(sourceOf(["a", "b", "c"], names), labels);
    expect(Array.from(source.samples, ({ name }) => name)).toEqual([names[0], names[2]]);
    expect(truth).toEqual([[2], [1, 2]]);
    expect(leftOut).toBe(1);
  });

  it("finds ImageNet's classes by their ids, and drops those that the source does not have", () => {
    const classes = [IMAGENET_IDS[2]!, IMAGENET_IDS[1]!];
    const names = [2, 3, 4].map((number) => `x/${fileName(number)}`);
    const { truth, leftOut } = underRealLabels(sourceOf(classes, names), labels);
    expect(truth).toEqual([[1, 0], [0]]);
    expect(leftOut).toBe(1);
  });

  it("drops classes that do not compete", () => {
    const names = [2, 3, 4].map((number) => `x/${fileName(number)}`);
    const source = { ...sourceOf(["a", "b", "c"], names), competing: [1, 2] };
    const { truth, leftOut } = underRealLabels(source, labels);
    expect(truth).toEqual([[1, 2], [2]]);
    expect(leftOut).toBe(1);
  });

  it.each([
    [["a/0.jpg"], '"a/0.jpg" has no ReaL label: its file name is none of ImageNet\'s validation set'],
    [["a/ILSVRC2012_val_293.JPEG"], "has no ReaL label"],
    [["a/ILSVRC2012_val_00000000.JPEG"], "has no ReaL label"],
    [["a/ILSVRC2012_val_00000005.JPEG"], "is picture 5 of the validation set, but the ReaL labels are those of 4"],
    [[`a/${fileName(2)}`, `b/${fileName(2)}`], "are both picture 2 of the validation set"],
    [[`a/${fileName(1)}`], "has no picture with a ReaL label"],
  ])("refuses %j", (names, message) => {
    const attempt = (): unknown => underRealLabels(sourceOf(["a", "b", "c"], names), labels);
    expect(attempt).toThrow(DataError);
    expect(attempt).toThrow(message);
  });

  it("refuses a label that is no class, with both numbers", () => {
    const attempt = (): unknown => underRealLabels(sourceOf(["a", "b"], [`a/${fileName(2)}`]), labels);
    expect(attempt).toThrow(`has the ReaL label 2, but there are 2 classes (0 to 1)`);
  });
});

// timm 1.0.31's RealLabelsImagenet over the same predictions (test/golden/real/make.py): top-1 and top-5 in percent.
it("gives timm's numbers", async () => {
  const golden = JSON.parse(await readFile(new URL("../../test/golden/real/timm.json", import.meta.url), "utf8")) as {
    classes: number;
    labels: number[][];
    order: number[];
    logits: number[];
    top1: number;
    top5: number;
  };
  const classes = Array.from({ length: golden.classes }, (_, i) => `class ${i}`);
  const all = sourceOf(
    classes,
    golden.order.map((number) => `x/${fileName(number)}`),
  );
  const { source, truth } = underRealLabels(all, golden.labels);
  const rowOf = new Map(Array.from(all.samples, ({ name }, i) => [name, i]));
  const rows = Array.from(source.samples, ({ name }) => {
    const i = rowOf.get(name)!;
    return golden.logits.slice(i * golden.classes, (i + 1) * golden.classes);
  });
  const order = rows.map((_, i) => i);
  random(5, "real").shuffle(order);
  const sums = detailedTally(source);
  for (const i of order) {
    sums.add({ scores: scoreLogits(Float32Array.from(rows[i]!), [truth[i]!], 1, golden.classes), samples: [i] });
  }
  const { top1, top5, n } = sums.result();
  expect(n).toBe(golden.labels.filter(({ length }) => length > 0).length);
  expect(100 * top1).toBeCloseTo(golden.top1, 10);
  expect(100 * top5).toBeCloseTo(golden.top5, 10);
});
