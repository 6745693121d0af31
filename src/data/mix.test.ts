import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { augmentGolden, namedStream } from "../augment.testing.js";
import { RequestError } from "../errors.js";
import { pattern } from "../pictures.testing.js";
import { random } from "../random.js";
import type { Batch } from "./loader.js";
import { type MixOptions, mixBatch, softTargets } from "./mix.js";

/** Rows of one tall picture, with the labels of golden files. */
function batchOf(resolution: number, rows: number, count = rows): Batch {
  return {
    pixels: pattern(resolution, resolution * rows).data.slice(),
    labels: Int32Array.from({ length: rows }, (_, i) => (i < count ? (3 * i + 1) % 10 : 0)),
    samples: Int32Array.from({ length: count }, (_, i) => i),
    count,
    end: count,
    bad: [],
  };
}

describe("mixBatch", () => {
  it.each(augmentGolden().mixed)("makes the bytes and targets of timm, given its draws: $options", (entry) => {
    const { options, resolution, rows, outcomes } = entry;
    for (const [i, { crc32: crc, targets }] of outcomes.entries()) {
      const mixed = mixBatch(batchOf(resolution, rows), options, namedStream(`mix ${i}`));
      expect(crc32(mixed.pixels), `stream ${i}`).toBe(crc);
      const made = softTargets(mixed, 10, 0.1);
      for (const [at, target] of targets.flat().entries()) expect(Math.abs(made[at]! - target)).toBeLessThan(2e-6);
    }
  });

  it("leaves the batch as it is, and rows behind its pictures", () => {
    const batch = batchOf(5, 4, 3);
    const before = batch.pixels.slice();
    const mixed = mixBatch(batch, { mixup: 1 }, random(1));
    expect(batch.pixels).toEqual(before);
    expect(mixed.pixels.subarray(75, 150)).toEqual(before.subarray(75, 150));
    expect(mixed.pixels.subarray(225)).toEqual(before.subarray(225));
    expect(mixed.pixels.subarray(0, 75)).not.toEqual(before.subarray(0, 75));
    expect([...mixed.labels]).toEqual([1, 4, 7, 0]);
    expect([...mixed.otherLabels]).toEqual([7, 4, 1, 0]);
    expect(mixed.lambda[3]).toBe(1);
    expect(mixed.samples).toBe(batch.samples);
  });

  it("leaves the middle of an odd number of pairs alone", () => {
    const batch = batchOf(5, 3);
    const mixed = mixBatch(batch, { cutmix: 1, mode: "pair" }, random(2));
    expect(mixed.pixels.subarray(75, 150)).toEqual(batch.pixels.subarray(75, 150));
    expect(mixed.lambda[1]).toBe(1);
    expect(mixed.lambda[0]).toBe(mixed.lambda[2]);
  });

  const lambdas = (options: MixOptions, n: number): number[] => {
    const stream = random(4);
    const batch = batchOf(1, 2);
    return Array.from({ length: n }, () => mixBatch(batch, options, stream).lambda[0]!);
  };

  it.each([0.01, 0.2, 1, 8])("draws lambda from Beta(%d, alpha) with itself", (alpha) => {
    const drawn = lambdas({ mixup: alpha }, 10_000);
    const mean = drawn.reduce((a, b) => a + b) / drawn.length;
    const variance = drawn.reduce((sum, x) => sum + (x - mean) ** 2, 0) / drawn.length;
    const expected = 1 / (4 * (2 * alpha + 1));
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(expected / 10_000));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(0.06);
  });

  it("mixes as often as its probability says", () => {
    const drawn = lambdas({ mixup: 1, probability: 0.3 }, 4000);
    // 1200, which errs by 29.
    expect(Math.abs(drawn.filter((lambda) => lambda !== 1).length - 1200)).toBeLessThan(120);
  });
});

it("gives targets that sum to 1", () => {
  const targets = softTargets(mixBatch(batchOf(4, 6), { mixup: 0.2, mode: "elem" }, random(5)), 10, 0.1);
  for (let i = 0; i < 6; i++) {
    expect(targets.subarray(i * 10, i * 10 + 10).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  }
});

it.each<[MixOptions, string]>([
  [{}, "mixup and cutmix are both 0; give one that is above, such as 0.2."],
  [{ mixup: -1 }, "mixup is -1; give a number from 0, such as 0.2."],
  [{ cutmix: Number.NaN }, "cutmix is NaN;"],
  [{ mixup: 1, probability: 2 }, "the mixing probability is 2; give one from 0 to 1."],
  [{ mixup: 1, switchProbability: -1 }, "the mixing switchProbability is -1;"],
  [{ mixup: 1, mode: "row" as "elem" }, 'Unknown mixing mode "row". Known are batch, elem, pair.'],
])("refuses %j", (options, message) => {
  const mix = () => mixBatch(batchOf(2, 2), options, random(1));
  expect(mix).toThrow(RequestError);
  expect(mix).toThrow(message);
});
