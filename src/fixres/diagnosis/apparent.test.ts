import { describe, expect, it } from "vitest";
import type { Size, TestPreprocessing } from "../../data/index.js";
import { apparentSizes } from "../index.js";

/** E[σ] for σ² uniform between two shares of the area. */
const meanSigma = ([a, b]: readonly [number, number]): number => ((2 / 3) * (b ** 1.5 - a ** 1.5)) / (b - a);

const many = (size: Size): Size[] => Array.from({ length: 1000 }, () => size);
const test = (resolution: number): TestPreprocessing => ({
  resolution,
  cropRatio: 0.875,
  interpolation: "bicubic",
  cropMode: "center",
});

/** Areas of which every crop fits into both pictures, so that the closed form holds. */
const FITTING = [0.08, 0.5] as const;
const SQUARE = { width: 1600, height: 1600 };
const WIDE = { width: 2000, height: 1500 };

describe("apparent object sizes", () => {
  it.each([
    ["square", SQUARE],
    ["4:3", WIDE],
  ])("follow the paper's closed form: %s", (_, size) => {
    const { width, height } = size;
    const found = apparentSizes(many(size), { resolution: 224, scale: FITTING }, 0);
    const factor = (meanSigma(FITTING) * Math.sqrt(width * height)) / Math.min(width, height) / 0.875 / 224;
    // 20,000 draws, whose σ has a standard deviation of 0.12, err by 0.0009; the bound is five times that.
    for (const resolution of [112, 224, 448])
      expect(Math.abs(found.test(test(resolution)).ratio.mean / (resolution * factor) - 1)).toBeLessThan(0.0085);
    expect(Math.abs(found.sameSize(test(224)) * factor - 1)).toBeLessThan(0.012);
    // σ² is uniform, so its quantiles are known, and those of 1 / σ.
    const shorter = 1 / Math.sqrt(width * height);
    for (const [quantile, at] of [
      ["p10", 0.9],
      ["p50", 0.5],
      ["p90", 0.1],
    ] as const) {
      const sigma = Math.sqrt(FITTING[0] + at * (FITTING[1] - FITTING[0]));
      expect(found.train[quantile] / ((224 * shorter) / sigma)).toBeCloseTo(1, 1);
    }
  });

  // By torchvision 0.30's RandomResizedCrop.get_params, 60,000 draws: E[√area] and its standard error.
  it.each([
    [500, 375, 274.9, 0.31],
    [400, 400, 267.38, 0.3],
    [200, 600, 160.53, 0.14],
  ])("draw the crops of torchvision: %d x %d", (width, height, meanLength, error) => {
    const found = apparentSizes(many({ width, height }), { resolution: 224, scale: [0.08, 1] }, 1);
    const { ratio, magnification } = found.test(test(224));
    expect(magnification).toEqual(
      Object.fromEntries(
        ["mean", "p10", "p50", "p90"].map((key) => [key, expect.closeTo(256 / Math.min(width, height), 2)]),
      ),
    );
    // Both are draws: ours are a third of torchvision's.
    const bound = 4 * Math.sqrt(4) * error * (magnification.mean / 224);
    expect(Math.abs(ratio.mean - (meanLength / 224) * magnification.mean)).toBeLessThan(bound);
  });

  it("weigh pictures of all sizes alike, and are a function of the seed", () => {
    const mixed = [...many(SQUARE).slice(0, 500), ...many(WIDE).slice(0, 500)];
    const crops = { resolution: 224, scale: FITTING };
    const ratioOf = (sizes: readonly Size[], seed = 0) => apparentSizes(sizes, crops, seed).test(test(224)).ratio.mean;
    expect(ratioOf(mixed)).toBeCloseTo((ratioOf(many(SQUARE)) + ratioOf(many(WIDE))) / 2, 2);
    expect(ratioOf(mixed)).toBe(ratioOf(mixed));
    expect(ratioOf(mixed, 1)).not.toBe(ratioOf(mixed));
  });

  it("take the geometric mean where a test squashes", () => {
    const found = apparentSizes(many(WIDE), { resolution: 224, scale: FITTING }, 0);
    const { magnification } = found.test({ ...test(224), cropMode: "squash" });
    expect(magnification.mean).toBeCloseTo(256 / Math.sqrt(2000 * 1500), 10);
  });

  it("are the same at the resolution that is said, and smaller at the one below", () => {
    const found = apparentSizes(many({ width: 61, height: 47 }), { resolution: 32, scale: [0.08, 1] }, 0);
    const same = found.sameSize(test(32));
    expect(found.test(test(same)).ratio.mean).toBeGreaterThanOrEqual(1);
    expect(found.test(test(same - 1)).ratio.mean).toBeLessThan(1);
  });
});
