import { describe, expect, it } from "vitest";
import type { Source } from "../data/index.js";
import { DataError } from "../errors.js";
import { holdoutOf } from "./holdout.js";

const source = (labels: readonly number[]): Source => ({
  name: "pictures",
  classes: ["a", "b", "c"],
  samples: labels.map((label, i) => ({ path: `${i}`, name: `${i}`, label })),
  notes: [],
});

describe("holdoutOf", () => {
  const labels = Array.from({ length: 60 }, (_, i) => (i < 40 ? 0 : i < 59 ? 1 : 2));

  it("holds of each class its share back, and leaves the rest in order", () => {
    const { kept, held } = holdoutOf(source(labels), 0.1, 7);
    expect(held.length).toBe(4 + 2);
    expect([...held].filter((i) => labels[i] === 0)).toHaveLength(4);
    expect([...kept, ...held].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
    expect([...kept]).toEqual([...kept].sort((a, b) => a - b));
    // The one picture of a class is trained on.
    expect([...kept]).toContain(59);
  });

  it("depends on the seed alone", () => {
    expect(holdoutOf(source(labels), 0.2, 1)).toEqual(holdoutOf(source(labels), 0.2, 1));
    expect(holdoutOf(source(labels), 0.2, 1).held).not.toEqual(holdoutOf(source(labels), 0.2, 2).held);
  });

  it("never takes all of a class", () => {
    const { kept } = holdoutOf(source([0, 0, 1, 1]), 0.99, 0);
    expect([...kept].map((i) => (i < 2 ? 0 : 1))).toEqual([0, 1]);
  });

  it("refuses where there is nothing to hold back", () => {
    expect(() => holdoutOf(source([0, 1, 2]), 0.1, 0)).toThrow(DataError);
    expect(() => holdoutOf(source([0, 1, 2]), 0.1, 0)).toThrow('"pictures" has no class of two pictures');
  });
});
