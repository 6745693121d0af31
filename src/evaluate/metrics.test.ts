import { describe, expect, it } from "vitest";
import { DataError, RequestError } from "../errors.js";
import { random } from "../random.js";
import { scoreLogits, tally } from "./metrics.js";
import { wilson } from "./statistics.js";

describe("scoreLogits", () => {
  it("scores each picture: first, among five, loss", () => {
    const rows = [
      [9, 1, 2, 3, 4, 5, 6],
      [9, 1, 2, 3, 4, 5, 6],
      [9, 1, 2, 3, 4, 5, 6],
    ];
    const { top1, top5, prediction, loss } = scoreLogits(Float32Array.from(rows.flat()), Int32Array.of(0, 3, 2), 3, 7);
    expect([...prediction]).toEqual([0, 0, 0]);
    expect([...top1]).toEqual([1, 0, 0]);
    expect([...top5]).toEqual([1, 1, 0]);
    const logSum = Math.log(rows[0]!.reduce((sum, logit) => sum + Math.exp(logit), 0));
    for (const [i, logit] of [9, 3, 2].entries()) expect(loss[i]).toBeCloseTo(logSum - logit, 12);
  });

  it("lets the lower class win between equal logits", () => {
    const equal = scoreLogits(new Float32Array(6 * 6), Int32Array.of(0, 1, 2, 3, 4, 5), 6, 6);
    expect([...equal.prediction]).toEqual([0, 0, 0, 0, 0, 0]);
    expect([...equal.top1]).toEqual([1, 0, 0, 0, 0, 0]);
    expect([...equal.top5]).toEqual([1, 1, 1, 1, 1, 0]);
    expect(equal.loss[5]).toBeCloseTo(Math.log(6), 14);
  });

  it("takes every class of fewer than five as among the five", () => {
    expect([...scoreLogits(Float32Array.of(3, 2, 1), Int32Array.of(2), 1, 3).top5]).toEqual([1]);
  });

  it("keeps the loss of huge logits, and small differences of it", () => {
    const { loss } = scoreLogits(Float32Array.of(3e38, -3e38, 1000, 0, 0, -40), Int32Array.of(1, 1, 0), 3, 2);
    expect(loss[0]).toBeCloseTo(6e38, -32);
    expect(loss[1]).toBe(1000);
    expect(loss[2]).toBeLessThan(1e-17);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("refuses a logit of %d", (logit) => {
    const attempt = (): unknown => scoreLogits(Float32Array.of(0, 1, 0, logit), Int32Array.of(0, 0), 2, 2);
    expect(attempt).toThrow(DataError);
    expect(attempt).toThrow(`picture 1 of the batch cannot be scored: its logit of class 1 is ${logit}.`);
  });

  it("takes no notice of what only fills the batch", () => {
    const logits = Float32Array.of(0, 1, Number.NaN, Number.NaN);
    expect([...scoreLogits(logits, Int32Array.of(1, -1), 1, 2).top1]).toEqual([1]);
  });

  it.each([-1, 2])("refuses label %d of 2 classes", (label) => {
    const attempt = (): unknown => scoreLogits(new Float32Array(2), Int32Array.of(label), 1, 2);
    expect(attempt).toThrow(DataError);
    expect(attempt).toThrow(`picture 0 of the batch has label ${label}, but the model has 2 classes (0 to 1)`);
  });

  it("refuses arrays that are too short", () => {
    const attempt = (): unknown => scoreLogits(new Float32Array(5), new Int32Array(3), 3, 2);
    expect(attempt).toThrow(RequestError);
    expect(attempt).toThrow("3 pictures of 2 classes cannot be scored from 5 logits and 3 labels.");
  });
});

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
      loss: mean(loss),
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
      prediction: new Int32Array(right.length),
    });
    sums.add(score(1, 0), Int32Array.of(3, 2, 99));
    sums.add(score(0, 1), [0, 1]);
    expect([...sums.correct()]).toEqual([0, 1, 0, 1]);
    expect(() => sums.add(score(1, 1), [5])).toThrow("2 pictures were scored, but 1 are named.");
  });

  it("has no result without pictures", () => {
    expect(() => tally().result()).toThrow(DataError);
    expect(tally().correct()).toEqual(new Uint8Array(0));
  });
});
