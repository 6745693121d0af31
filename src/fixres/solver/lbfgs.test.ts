import { describe, expect, it } from "vitest";
import { random } from "../../random.js";
import { minimize, type ValueAndGradient } from "./lbfgs.js";
import { wolfeStep } from "./line-search.js";

type Function = (x: Float64Array) => Promise<ValueAndGradient>;

/** ½ Σ cᵢ (xᵢ - i)² with curvatures from 1 to `condition`. */
const quadratic =
  (size: number, condition: number): Function =>
  async (x) => {
    const curvature = (i: number): number => condition ** (i / (size - 1));
    return {
      value: x.reduce((sum, v, i) => sum + (curvature(i) * (v - i) ** 2) / 2, 0),
      gradient: x.map((v, i) => curvature(i) * (v - i)),
    };
  };

/** Σ 100 (x₂ₖ₊₁ - x₂ₖ²)² + (1 - x₂ₖ)², least at (1, ..., 1). */
const rosenbrock: Function = async (x) => {
  let value = 0;
  const gradient = new Float64Array(x.length);
  for (let i = 0; i < x.length; i += 2) {
    const [a, b] = [x[i]!, x[i + 1]!];
    value += 100 * (b - a * a) ** 2 + (1 - a) ** 2;
    gradient[i] = -400 * a * (b - a * a) - 2 * (1 - a);
    gradient[i + 1] = 200 * (b - a * a);
  }
  return { value, gradient };
};

/** Mean logistic loss of six points by a line, and 0.01 / 2 |w|² on its slopes. */
const POINTS = [
  [0.5, 1.2, 0],
  [1.0, -0.3, 1],
  [-1.5, 0.7, 0],
  [2.0, 0.1, 1],
  [-0.2, -1.0, 1],
  [0.3, 0.9, 1],
] as const;
const logistic: Function = async ([w0, w1, bias]) => {
  let value = (0.01 / 2) * (w0! ** 2 + w1! ** 2);
  const gradient = Float64Array.of(0.01 * w0!, 0.01 * w1!, 0);
  for (const [x0, x1, label] of POINTS) {
    const z = w0! * x0 + w1! * x1 + bias!;
    value += (Math.log1p(Math.exp(z)) - label * z) / 6;
    [x0, x1, 1].forEach((x, i) => {
      gradient[i]! += ((1 / (1 + Math.exp(-z)) - label) * x) / 6;
    });
  }
  return { value, gradient };
};

/** The optimum by scipy 1.17.1. */
const SCIPY = { value: 0.2645151282589445, point: [1.617521010864898, -2.584110216799613, 1.9494253904157623] };

describe("minimize", () => {
  // SciPy's L-BFGS-B takes 28 and 556 iterations.
  it.each([
    ["well conditioned", 10, 30],
    ["ill conditioned", 1e4, 560],
  ])("finds the minimum of a quadratic, %s", async (_, condition, most) => {
    const found = await minimize(quadratic(20, condition), new Float64Array(20), {
      gradientTolerance: 1e-6,
      maxIterations: 1000,
    });
    expect(found.reason).toBe("gradient");
    expect(found.value).toBeLessThan(1e-12);
    found.point.forEach((v, i) => {
      expect(Math.abs(v - i)).toBeLessThan(1e-5);
    });
    expect(found.iterations).toBeLessThan(most);
  });

  it.each([2, 100])("finds the minimum of Rosenbrock's function of %i variables", async (size) => {
    const start = Float64Array.from({ length: size }, (_, i) => (i % 2 === 0 ? -1.2 : 1));
    const found = await minimize(rosenbrock, start, { gradientTolerance: 1e-8, decreaseTolerance: 0 });
    expect(found.reason).toBe("gradient");
    expect(found.gradientNorm).toBeLessThan(1e-8);
    for (const v of found.point) expect(Math.abs(v - 1)).toBeLessThan(1e-7);
    expect(found.evaluations).toBeLessThan(70);
    expect(start[0]).toBe(-1.2);
  });

  it("finds the optimum of a logistic regression that SciPy finds", async () => {
    // scipy 1.17.1: minimize(f, [0, 0, 0], jac=True, method="BFGS", options={"gtol": 1e-12})
    const found = await minimize(logistic, new Float64Array(3), { decreaseTolerance: 1e-16 });
    expect(found.value).toBeCloseTo(SCIPY.value, 12);
    found.point.forEach((v, i) => {
      expect(v).toBeCloseTo(SCIPY.point[i]!, 6);
    });
  });

  it("ends before more iterations than allowed, and says so", async () => {
    const found = await minimize(rosenbrock, Float64Array.of(-1.2, 1), { maxIterations: 3 });
    expect(found).toMatchObject({ iterations: 3, reason: "iterations" });
  });

  it("ends where rounding hides what is left, near the minimum", async () => {
    const noisy: Function = async (x) => {
      const { value, gradient } = await quadratic(5, 100)(x);
      return { value: Math.fround(value + 1), gradient: gradient.map((v) => v + 1e-5) };
    };
    const options = { noise: 1e-7, decreaseTolerance: 0, gradientTolerance: 0, maxIterations: 200 };
    const found = await minimize(noisy, new Float64Array(5), options);
    expect(found.value).toBeLessThan(1 + 1e-6);
  });

  it("is the same at every run, and tells each iteration", async () => {
    const stream = random(3, "start");
    const start = Float64Array.from({ length: 10 }, () => stream.normal());
    const told: number[] = [];
    const run = () => minimize(rosenbrock, start, { onIteration: ({ value }) => told.push(value) });
    const [first, second] = [await run(), await run()];
    expect(second).toEqual(first);
    expect(told.length).toBe(2 * first.iterations);
    // Each is lower than the last.
    const values = told.slice(0, first.iterations);
    expect(values).toEqual([...values].sort((a, b) => b - a));
  });

  it("stops when it is told to", async () => {
    const aborting = new AbortController();
    const onIteration = () => aborting.abort(new Error("enough"));
    await expect(
      minimize(rosenbrock, Float64Array.of(-1.2, 1), { signal: aborting.signal, onIteration }),
    ).rejects.toThrow("enough");
  });

  it("refuses a start where the function is not finite", async () => {
    const nowhere: Function = async () => ({ value: Number.NaN, gradient: Float64Array.of(1) });
    await expect(minimize(nowhere, Float64Array.of(0))).rejects.toThrow("the function is NaN where its search begins.");
  });
});

describe("wolfeStep", () => {
  const along = (f: (t: number) => number, slope: (t: number) => number) => async (step: number) => ({
    step,
    value: f(step),
    slope: slope(step),
  });

  it.each([
    { name: "too short a first step", first: 1e-3 },
    { name: "too long a first step", first: 1e3 },
    { name: "a good first step", first: 1 },
  ])("meets both conditions from $name", async ({ first }) => {
    const at = along(
      (t) => (t - 2) ** 4 - t,
      (t) => 4 * (t - 2) ** 3 - 1,
    );
    const start = await at(0);
    const found = await wolfeStep(start, at, { first, noise: 0 });
    expect(found!.value).toBeLessThanOrEqual(start.value + 1e-4 * found!.step * start.slope);
    expect(Math.abs(found!.slope)).toBeLessThanOrEqual(0.9 * Math.abs(start.slope));
  });

  it("comes back from where the function is not finite", async () => {
    const at = along(
      (t) => (t < 1 ? -Math.log(1 - t) - 3 * t : Number.NaN),
      (t) => (t < 1 ? 1 / (1 - t) - 3 : Number.NaN),
    );
    const found = await wolfeStep(await at(0), at, { first: 64, noise: 0 });
    expect(found!.step).toBeGreaterThan(0.1);
    expect(found!.step).toBeLessThan(1);
  });

  it("gives nothing where no step decreases the function", async () => {
    const at = along(
      (t) => t,
      () => -1,
    );
    expect(await wolfeStep(await at(0), at, { first: 1, noise: 0 })).toBeNull();
  });
});
