import { describe, expect, it } from "vitest";
import { DataError, RequestError } from "../errors.js";
import { random } from "../random.js";
import { scoreLogits } from "./metrics.js";
import { wilson } from "./statistics.js";
import { tally } from "./tally.js";

describe("tally", () => {
  const N = 23;
  const CLASSES = 8;
  const stream = random(7, "metrics");
  const logits = Float32Array.from({ length: N * CLASSES }, () => stream.normal());
  const labels = Int32Array.from({ length: N }, () => stream.integer(CLASSES));

  /** All pictures in batches of `batch` rows, the last one filled up with rows that would score. */
  function inBatches(batch: number) {
    const sums = tally();
    for (let from = 0; from < N; from += batch) {
      const count = Math.min(batch, N - from);
      const paddedLogits = new Float32Array(batch * CLASSES).fill(1);
      paddedLogits.set(logits.subarray(from * CLASSES, (from + count) * CLASSES));
      const paddedLabels = new Int32Array(batch);
      paddedLabels.set(labels.subarray(from, from + count));
      sums.add(scoreLogits(paddedLogits, paddedLabels, count, CLASSES));
    }
    return { result: sums.result(), correct: sums.correct() };
  }

  it.each([2, 5, 16, 23, 64])("gives the same in batches of %i as one by one", (batch) => {
    expect(inBatches(batch)).toEqual(inBatches(1));
  });

  it("is the mean over the pictures, with Wilson's interval", () => {
    const { top1, top5, loss } = scoreLogits(logits, labels, N, CLASSES);
    const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / N;
    const { result, correct } = inBatches(5);
    expect(result).toEqual({
      top1: mean(top1),
      top5: mean(top5),
      loss: expect.closeTo(mean(loss), 14),
      n: N,
      ci95: wilson(mean(top1) * N, N),
    });
    expect(correct).toEqual(top1);
    expect(result.top1).toBeGreaterThan(0);
    expect(result.top1).toBeLessThan(result.top5);
  });

  it("puts pictures that arrive out of order in the order of their source", () => {
    const sums = tally();
    const score = (...right: number[]) => ({
      top1: Uint8Array.from(right),
      top5: Uint8Array.from(right),
      loss: new Float64Array(right.length),
    });
    sums.add(score(1, 0), Int32Array.of(3, 2, 99));
    sums.add(score(0, 1), [0, 1]);
    expect([...sums.correct()]).toEqual([0, 1, 0, 1]);
    expect(() => sums.add(score(1, 1), [5])).toThrow("2 pictures were scored, but 1 are named.");
    expect(() => sums.add(score(1), [3])).toThrow(new RequestError("picture 3 was scored twice; score each once."));
  });

  it("has no result without pictures", () => {
    expect(() => tally().result()).toThrow(DataError);
    expect(tally().correct()).toEqual(new Uint8Array(0));
  });
});
