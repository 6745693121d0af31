import { expect, it } from "vitest";
import type { Source } from "../data/index.js";
import { DataError } from "../errors.js";
import { type Row, rescored, scoresOf, wilson } from "./index.js";

const row = (id: string, top: number[], label: number): Row => ({
  ...{ id, top, label, loss: 0, probability: top.map(() => 0.1) },
  correct: top[0] === label,
  correct5: top.includes(label),
});
const record = {
  name: "b0",
  rows: [
    row("a", [3, 1, 2, 4, 5], 1),
    row("b", [2, 0, 3, 1, 4], 2),
    row("c", [0, 1, 2, 3, 4], 9),
    row("d", [1, 2, 3, 4, 5], 1),
  ],
};
const of = (truth: Record<string, readonly number[]>) => ({
  source: {
    name: "val",
    classes: [],
    notes: [],
    samples: Object.keys(truth).map((name) => ({ name })),
  } as unknown as Source,
  truth: Object.values(truth),
});

it("counts a record's pictures by its own answers", () => {
  const found = scoresOf(record);
  expect(found).toMatchObject({ top1: 0.5, top5: 0.75, n: 4, ci95: wilson(2, 4) });
  expect([...found.correct]).toEqual([
    ["a", false],
    ["b", true],
    ["c", false],
    ["d", true],
  ]);
});

it("counts them by others, without those that have none", () => {
  const found = rescored(record, of({ d: [7], c: [4, 8], a: [3, 9] }));
  expect(found).toMatchObject({ top1: 1 / 3, top5: 2 / 3, n: 3, ci95: wilson(1, 3) });
  expect([...found.correct]).toEqual([
    ["a", true],
    ["c", false],
    ["d", false],
  ]);
});

it("refuses a record of which nothing is left", () => {
  expect(() => rescored(record, of({ e: [1] }))).toThrow(DataError);
  expect(() => rescored(record, of({ e: [1] }))).toThrow('the evaluation "b0" has no picture that can be scored.');
});
