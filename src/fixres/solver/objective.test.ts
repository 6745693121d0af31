import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noise, worst } from "../../engine.testing.js";
import { asParameters, type ClassifierObjective, openObjective, unpacked } from "./objective.js";
import { CLASSES, FEATURES, LABELS, ROWS, START, smallRows, WIDTH } from "./small.testing.js";

const SMOOTHING = 0.1;
const parameters = Float64Array.from(noise("parameters", [CLASSES, WIDTH + 1]));
const anchor = asParameters(START.weight, START.bias);
const counts = Float32Array.from({ length: ROWS }, (_, i) => (i % 5 === 0 ? 0 : 1 + (i % 2)));

/** Each row's loss, probabilities and whether it is right, by plain loops in float64. */
function rowsByLoops(p: Float64Array) {
  return Array.from({ length: ROWS }, (_, i) => {
    const logits = Array.from({ length: CLASSES }, (_, c) => {
      const at = c * (WIDTH + 1);
      let sum = p[at + WIDTH]!;
      for (let j = 0; j < WIDTH; j++) sum += p[at + j]! * FEATURES[i * WIDTH + j]!;
      return sum;
    });
    const total = Math.log(logits.reduce((sum, v) => sum + Math.exp(v), 0));
    const target = (c: number): number => (c === LABELS[i] ? 1 - SMOOTHING : 0) + SMOOTHING / CLASSES;
    return {
      loss: -logits.reduce((sum, v, c) => sum + target(c) * (v - total), 0),
      probabilities: logits.map((v) => Math.exp(v - total)),
      correct: Number(logits.indexOf(Math.max(...logits)) === LABELS[i]),
    };
  });
}

function valueByLoops(p: Float64Array, strength: number, drawn: Float64Array | null): number {
  const total = counts.reduce((sum, v) => sum + v, 0);
  const loss = rowsByLoops(p).reduce((sum, row, i) => sum + counts[i]! * row.loss, 0) / total;
  const squares = p.reduce((sum, v, i) => sum + (i % (WIDTH + 1) === WIDTH ? 0 : (v - (drawn?.[i] ?? 0)) ** 2), 0);
  return loss + (strength / 2) * squares;
}

describe("the objective", () => {
  let objective: ClassifierObjective;
  beforeAll(() => {
    objective = openObjective(smallRows(), { classes: CLASSES, labelSmoothing: SMOOTHING, threads: 1 });
  });
  afterAll(() => objective.dispose());

  it.each([
    { name: "towards zero", strength: 0.3, drawn: null },
    { name: "towards an anchor", strength: 0.3, drawn: anchor },
    { name: "of a slight strength", strength: 1e-7, drawn: null },
  ])("has the value and, by central differences, the gradient of plain loops, $name", async ({ strength, drawn }) => {
    const found = await objective.evaluate(parameters, counts, { strength, anchor: drawn });
    expect(found.value).toBeCloseTo(valueByLoops(parameters, strength, drawn), 6);
    const step = 1e-5;
    const measured = parameters.map((v, i) => {
      const at = (to: number): number => valueByLoops(parameters.with(i, to), strength, drawn);
      return (at(v + step) - at(v - step)) / (2 * step);
    });
    expect(worst(found.gradient, measured)).toBeLessThan(1e-6);
  });

  it("scores each row, the shorter last chunk too", async () => {
    const { losses, correct, spread } = await objective.score(parameters);
    const wanted = rowsByLoops(parameters);
    expect(
      worst(
        losses,
        Float64Array.from(wanted, ({ loss }) => loss),
      ),
    ).toBeLessThan(1e-5);
    expect([...correct]).toEqual(wanted.map((row) => row.correct));
    const bends = wanted.map(({ probabilities }) => probabilities.reduce((sum, p) => sum + p * (1 - p), 0));
    expect(worst(spread, Float64Array.from(bends))).toBeLessThan(1e-6);
  });

  it("packs weight and bias as rows and takes them apart again", () => {
    const packed = asParameters(Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6));
    expect([...packed]).toEqual([1, 2, 5, 3, 4, 6]);
    expect(unpacked(packed, 2, 2)).toEqual({ weight: Float32Array.of(1, 2, 3, 4), bias: Float32Array.of(5, 6) });
  });
});
