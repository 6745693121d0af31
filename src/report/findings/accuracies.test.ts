import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readRun } from "../runs/index.js";
import { accuraciesOf } from "./accuracies.js";
import { leaveRun } from "./record.testing.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-accuracies-"));
});
afterAll(() => rm(folder, { recursive: true }));

const val = (top1: number) => ({ top1, top5: 1, loss: 1, n: 10, ci95: [top1 - 0.1, top1 + 0.1] });

it("of a series of students are its teacher's, at its own resolution, and each round's", async () => {
  const rounds = [
    { round: 1, arch: "efficientnet_b0", val: val(0.5) },
    { round: 2, arch: "efficientnet_b1", val: val(0.6) },
  ];
  const settings = { "test.resolution": 224, "teacherTest.resolution": 192 };
  await leaveRun(folder, { kind: "train", settings, result: { teacher: { val: val(0.4) }, rounds } });
  const found = accuraciesOf(await readRun(folder));
  expect(found.map(({ name, resolution, top1 }) => [name, resolution, top1])).toEqual([
    ["teacher", 192, 0.4],
    ["round 1", 224, 0.5],
    ["round 2", 224, 0.6],
  ]);
  // The record has the cost of the first student alone.
  expect(found.map(({ parameters }) => parameters)).toEqual([undefined, 5_288_548, undefined]);
  await leaveRun(folder, { kind: "train", settings, result: rounds[0] });
  expect(accuraciesOf(await readRun(folder)).map(({ name, top1 }) => [name, top1])).toEqual([["round 1", 0.5]]);
});
