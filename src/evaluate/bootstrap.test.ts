import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { random } from "../random.js";
import { type Outcomes, pairedBootstrap } from "./bootstrap.js";
import { calibration } from "./calibration.js";

/** Outcomes of a classifier whose confidence is `over` too high. */
function outcomes(n: number, seed: number, over: number): Outcomes {
  const stream = random(seed, "bootstrap test");
  // What is hard is hard for all.
  const common = random(0, "pictures");
  const p = Float64Array.from({ length: n }, () => 0.2 + 0.7 * common.uniform());
  const correct = Uint8Array.from(p, (value) => Number(stream.uniform() < value));
  return {
    correct,
    correct5: Uint8Array.from(correct, (right) => (right === 1 || stream.uniform() < 0.5 ? 1 : 0)),
    loss: Float64Array.from(p, (value) => -Math.log(value) + 0.3 * stream.normal()),
    confidence: Float64Array.from(p, (value) => Math.min(1, value + over)),
  };
}

const N = 900;
const [good, bad] = [outcomes(N, 1, 0), outcomes(N, 2, 0.15)];
const options = { resamples: 4000, seed: 7 };

describe("pairedBootstrap", () => {
  const [found] = pairedBootstrap([good, bad], [[0, 1]], options);
  const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

  it.each([
    ["top5", good.correct5, bad.correct5],
    ["loss", good.loss, bad.loss],
  ] as const)("gives a mean the interval that the normal distribution gives it: %s", (what, a, b) => {
    const differences = Array.from(b, (value, i) => value - a[i]!);
    const center = mean(differences);
    const error = Math.sqrt(mean(differences.map((value) => (value - center) ** 2)) / N);
    const { difference, ci95, pValue } = found![what];
    expect(difference).toBeCloseTo(center, 12);
    expect(Math.abs(ci95[0] - (center - 1.96 * error))).toBeLessThan(0.15 * error);
    expect(Math.abs(ci95[1] - (center + 1.96 * error))).toBeLessThan(0.15 * error);
    const z = Math.abs(center) / error;
    if (z > 1.5 && z < 2.5) expect(pValue).toBeGreaterThan(0.005);
  });

  it("takes the calibration error of each resample again", () => {
    const ece = ({ confidence, correct }: Outcomes): number => {
      const sums = calibration();
      for (const [i, value] of confidence.entries()) sums.add(value, correct[i]!);
      return sums.result().ece;
    };
    expect(found!.ece.difference).toBeCloseTo(ece(bad) - ece(good), 12);
    expect(found!.ece.ci95[0]).toBeGreaterThan(0.05);
    expect(found!.ece.pValue).toBe(2 / 4001);
  });

  it("is the same for the same seed, whatever other pairs there are, and turns round with the pair", () => {
    const [there, back, self] = pairedBootstrap(
      [good, bad],
      [
        [0, 1],
        [1, 0],
        [0, 0],
      ],
      options,
    );
    expect(there).toEqual(found);
    expect(back!.loss.difference).toBe(-there!.loss.difference);
    expect(back!.loss.ci95[0]).toBeCloseTo(-there!.loss.ci95[1], 12);
    expect(back!.loss.pValue).toBe(there!.loss.pValue);
    expect(self).toEqual({
      top5: { difference: 0, ci95: [0, 0], pValue: 1 },
      loss: { difference: 0, ci95: [0, 0], pValue: 1 },
      ece: { difference: 0, ci95: [0, 0], pValue: 1 },
    });
    expect(pairedBootstrap([good, bad], [[0, 1]], { ...options, seed: 8 })).not.toEqual([found]);
  });

  it("refuses what gives no interval", () => {
    expect(() => pairedBootstrap([], [])).toThrow(RequestError);
    expect(() => pairedBootstrap([good], [], { resamples: 99, seed: 0 })).toThrow("99 resamples give no interval");
  });
});
