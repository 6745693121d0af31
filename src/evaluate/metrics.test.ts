import { describe, expect, it } from "vitest";
import { DataError, RequestError } from "../errors.js";
import { scoreLogits } from "./metrics.js";

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

  it("keeps the likeliest five, best first, with their probabilities", () => {
    const row = Float32Array.of(1, 7, 3, 7, -2, 5, 4);
    const { top, probability } = scoreLogits(row, Int32Array.of(1), 1, 7);
    expect([...top]).toEqual([1, 3, 5, 6, 2]);
    const sum = row.reduce((total, logit) => total + Math.exp(logit), 0);
    expect([...probability].map((p, k) => p / (Math.exp(row[top[k]!]!) / sum) - 1)).toEqual(
      Array.from({ length: 5 }, () => expect.closeTo(0, 12)),
    );
    expect([...scoreLogits(Float32Array.of(1, 2), Int32Array.of(0), 1, 2).top]).toEqual([1, 0]);
  });

  it("takes any class of a set as right, and the loss of all of them together", () => {
    const rows = Float32Array.from([9, 1, 2, 3, 4, 5, 6, 9, 1, 2, 3, 4, 5, 6, 9, 1, 2, 3, 4, 5, 6]);
    const { top1, top5, loss } = scoreLogits(
      rows,
      [
        [4, 0],
        [1, 3],
        [2, 1],
      ],
      3,
      7,
    );
    expect([...top1]).toEqual([1, 0, 0]);
    expect([...top5]).toEqual([1, 1, 0]);
    const p = (j: number): number => Math.exp(rows[j]!) / rows.slice(0, 7).reduce((sum, x) => sum + Math.exp(x), 0);
    const together = [p(4) + p(0), p(1) + p(3), p(2) + p(1)];
    for (const [i, value] of together.entries()) expect(loss[i]).toBeCloseTo(-Math.log(value), 12);
    expect(() => scoreLogits(rows, [[], [1], [2]], 3, 7)).toThrow("picture 0 of the batch has no label");
    expect(() => scoreLogits(rows, [[1, 7], [1], [2]], 3, 7)).toThrow("picture 0 of the batch has label 7");
  });
});
