import { describe, expect, it } from "vitest";
import { random } from "../random.js";
import { exactSum } from "./sum.js";

function sumOf(terms: readonly number[]): number {
  const sum = exactSum();
  for (const term of terms) sum.add(term);
  return sum.value();
}

describe("exactSum", () => {
  // Python 3.11's math.fsum.
  it.each([
    [[], 0],
    [[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 1],
    [[1e16, 1, 1e-16], 10000000000000002],
    [[1e16, 1, -1e16], 1],
    [[1e100, 1, -1e100, 1e-30], 1],
    [[2 ** 53, 1, 2 ** -60], 2 ** 53 + 2],
    [[2 ** 53, 1], 2 ** 53],
    [[2 ** 53, 1, -(2 ** -60)], 2 ** 53],
  ])("of %j is rounded once", (terms, sum) => {
    expect(sumOf(terms)).toBe(sum);
  });

  it("is the same for any order", () => {
    const stream = random(3, "sum");
    const terms = Array.from({ length: 5000 }, () => Math.exp(20 * stream.normal()));
    const first = sumOf(terms);
    for (let i = 0; i < 5; i++) {
      stream.shuffle(terms);
      expect(sumOf(terms)).toBe(first);
    }
  });
});
