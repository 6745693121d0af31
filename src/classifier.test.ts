import { expect, it } from "vitest";
import { likeliest } from "./classifier.js";

it("gives the softmax, best first, the lower class first among equals", () => {
  const top = likeliest(Float32Array.of(1, 1000, 1, 1001), ["a", "b", "c", "d"], 3);
  expect(top.map((guess) => guess.class)).toEqual(["d", "b", "a"]);
  expect(top.map(({ index }) => index)).toEqual([3, 1, 0]);
  expect(top[0]!.probability).toBeCloseTo(Math.E / (1 + Math.E), 12);
  expect(top[2]!.probability).toBe(0);
});

it("refuses logits that are no numbers", () => {
  expect(() => likeliest(Float32Array.of(1, Number.NaN), ["a", "b"], 1)).toThrow(
    'the logit of class "b" is NaN. The weights are likely damaged, or their training diverged.',
  );
});
