import { describe, expect, it } from "vitest";
import { DataError, RequestError } from "../../errors.js";
import { heldOutRows } from "../held-out.js";
import { memoryRows, type Rows } from "./rows.js";
import { FEATURES, LABELS, ROWS, START, smallRows, WIDTH } from "./small.testing.js";
import { type SolveOptions, solveClassifier } from "./solve.js";

const solve = (options: SolveOptions, rows: Rows = smallRows()) =>
  solveClassifier(rows, START, { threads: 1, ...options });

describe("solveClassifier", () => {
  /*
   * scipy 1.17.1, minimize(f, zeros, jac=True, method="BFGS", options={"gtol": 1e-11}) in float64 on the same rows: the objective's
   * value, and the first three weights of class 0.
   */
  it.each([
    { strength: 0.1, towards: "zero", value: 1.2308298839032772, weights: [0.49085147, -0.14585949, -0.1586862] },
    { strength: 0.1, towards: "start", value: 1.2262977939150717, weights: [0.58588413, -0.07955243, -0.1820978] },
    { strength: 1e-3, towards: "zero", value: 1.0941983698687554, weights: [1.19194527, -0.10235785, -0.4118559] },
    { strength: 1e-3, towards: "start", value: 1.0940515847020846, weights: [1.27911939, -0.02279528, -0.41312002] },
  ] as const)(
    "finds SciPy's optimum at strength $strength towards $towards",
    async ({ value, weights, ...options }) => {
      const { weight, report } = await solve({
        strengths: [options.strength],
        towards: options.towards,
        tolerance: 1e-8,
      });
      expect(Math.abs(report.refit.objective / value - 1)).toBeLessThan(1e-7);
      // The penalty alone bends so much that weights are no further from the optimum's.
      const furthest = Math.sqrt((2 * 1e-7 * value) / options.strength);
      weights.forEach((v, i) => {
        expect(Math.abs(weight[i]! - v)).toBeLessThan(furthest);
      });
      expect(report).toMatchObject({ strength: options.strength, rows: ROWS, heldOutRows: 0, path: [], before: null });
    },
  );

  it("chooses the strength of the least held-out loss, and fits all rows with it", async () => {
    const { report, ...classifier } = await solve({ strengths: [1e-4, 1, 1e-2], seed: 3 });
    expect(report.heldOutRows).toBe(12);
    expect(report.path.map(({ strength }) => strength)).toEqual([1, 1e-2, 1e-4].slice(0, report.path.length));
    const least = Math.min(...report.path.map(({ heldOutLoss }) => heldOutLoss));
    expect(report.path.find(({ heldOutLoss }) => heldOutLoss === least)!.strength).toBe(report.strength);
    expect(report.before!.heldOutLoss).toBeGreaterThan(least);

    const alone = await solve({ strengths: [report.strength], tolerance: 1e-9 });
    expect(report.refit.objective / alone.report.refit.objective).toBeCloseTo(1, 5);
    expect(classifier.weight.length).toBe(START.weight.length);
    expect(classifier.bias.length).toBe(4);
  });

  it("fits no held-out row: what features those have moves no optimum of the path", async () => {
    const held = heldOutRows(LABELS, 0.2, 0);
    const other = FEATURES.map((v, i) => (held[Math.floor(i / WIDTH)] === 1 ? v + 1 : v));
    const options = { strengths: [1, 1e-2], tolerance: 1e-8 };
    const first = await solve(options);
    const second = await solve(options, memoryRows(other, LABELS, WIDTH, 32));
    for (const [i, { objective, heldOutLoss }] of first.report.path.entries()) {
      expect(second.report.path[i]!.objective).toBeCloseTo(objective, 6);
      expect(Math.abs(second.report.path[i]!.heldOutLoss - heldOutLoss)).toBeGreaterThan(1e-3);
    }
  });

  it("gives the same bytes again, and does not depend much on the chunks", async () => {
    const [first, second] = [await solve({}), await solve({})];
    expect(Buffer.from(first.weight.buffer).equals(Buffer.from(second.weight.buffer))).toBe(true);
    expect(first.bias).toEqual(second.bias);
    const whole = await solve({}, memoryRows(FEATURES, LABELS, WIDTH));
    expect(whole.report.strength).toBe(first.report.strength);
    expect(whole.report.refit.objective).toBeCloseTo(first.report.refit.objective, 5);
  });

  it("fits features that are constant, and twice the same, as without them", async () => {
    const options = { strengths: [1e-6], tolerance: 1e-8 };
    const features = FEATURES.map((v, i) => (i % WIDTH === 0 ? 7 : i % WIDTH === 1 ? FEATURES[i + 1]! : v));
    const { report } = await solve(options, memoryRows(features, LABELS, WIDTH));
    const fewer = memoryRows(
      features.filter((_, i) => i % WIDTH >= 2),
      LABELS,
      WIDTH - 2,
    );
    const start = { weight: new Float32Array(4 * (WIDTH - 2)), bias: new Float32Array(4) };
    const without = await solveClassifier(fewer, start, { threads: 1, ...options });
    expect(report.refit.objective).toBeCloseTo(without.report.refit.objective, 4);
  });

  it.each([
    [{ strengths: [] }, "there is no strength to choose"],
    [{ strengths: [0] }, "a strength is 0; it must be above 0"],
    [{ labelSmoothing: 1 }, "the label smoothing is 1;"],
    [{ tolerance: 0 }, "the tolerance is 0;"],
    [{ maxIterations: 0 }, "the iterations are at most 0;"],
  ] as const)("refuses %j", async (options, message) => {
    await expect(solve(options)).rejects.toThrow(RequestError);
    await expect(solve(options)).rejects.toThrow(message);
  });

  it("refuses rows that do not fit", async () => {
    expect(() => memoryRows(FEATURES, LABELS, WIDTH + 1)).toThrow("360 features are not 60 rows of 7;");
    const narrow = memoryRows(FEATURES.subarray(0, ROWS * 3), LABELS, 3);
    await expect(solve({}, narrow)).rejects.toThrow(
      "has 24 weights and 4 classes, but the rows have 3 features; 12 weights",
    );
    await expect(solve({}, smallRows(LABELS.with(40, 4)))).rejects.toThrow(DataError);
    await expect(solve({}, smallRows(LABELS.with(40, 4)))).rejects.toThrow(/row 40 is of class 4, .* has 4 classes/);
    const broken = memoryRows(FEATURES.with(100, Number.NaN), LABELS, WIDTH);
    await expect(solve({}, broken)).rejects.toThrow("row 16 has the feature NaN;");
    await expect(solve({}, { ...smallRows(), count: 61 })).rejects.toThrow("61 rows were announced, but there are 60.");
  });

  it("refuses a start that is not finite", async () => {
    const start = { ...START, bias: START.bias.with(1, Number.NaN) };
    await expect(solveClassifier(smallRows(), start)).rejects.toThrow("the classifier to start from holds NaN;");
  });

  it("stops when it is told to", async () => {
    await expect(solve({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });
});
