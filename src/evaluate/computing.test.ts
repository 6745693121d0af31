import { describe, expect, it } from "vitest";
import { architecture, freshModel } from "../models/index.js";
import { aheadOf, batchOf, division } from "./computing.js";
import { testPreprocessing } from "./preprocessing.js";

describe("division", () => {
  const small = { batch: 4, usual: 16, weightBytes: 21e6 };
  it.each([
    ["a thread", 1, small, { count: 1, threads: 1 }],
    ["two", 2, small, { count: 2, threads: 1 }],
    ["many", 64, small, { count: 8, threads: 8 }],
    ["pictures that take much memory", 8, { ...small, batch: 3, usual: 3 }, { count: 2, threads: 4 }],
    ["large batches", 8, { ...small, batch: 64 }, { count: 1, threads: 8 }],
    ["large weights", 8, { ...small, weightBytes: 1.9e9 }, { count: 1, threads: 8 }],
  ])("of %s", (_, threads, what, divided) => {
    expect(division(threads, what)).toEqual(divided);
  });
});

it("batchOf is small on a CPU, and what was asked for", () => {
  const model = freshModel(architecture("efficientnet_b0"), ["a", "b"], 0);
  const preprocessing = testPreprocessing(model.input);
  expect(batchOf(model, { preprocessing })).toBe(4);
  const at = (resolution: number): number => batchOf(model, { preprocessing: { ...preprocessing, resolution } });
  expect([64, 260, 320, 456].map(at)).toEqual([4, 3, 2, 1]);
  expect(batchOf(model, { preprocessing, device: "webgpu" })).toBe(16);
  expect(batchOf(model, { preprocessing, batchSize: 7 })).toBe(7);
});

it("aheadOf lets as many pictures wait for small batches as for large ones", () => {
  expect(aheadOf(4, 2)).toBe(8);
  expect(aheadOf(64, 2)).toBe(4);
  expect(aheadOf(1, 8)).toBe(32);
});
