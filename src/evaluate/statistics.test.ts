import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { mcnemar, pairedGain, wilson } from "./statistics.js";

describe("wilson", () => {
  // Newcombe 1998 (Statistics in Medicine 17, 857-872), Table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("of %i in %i is the published one", (successes, n, low, high) => {
    expect(wilson(successes, n).map((end) => end.toFixed(4))).toEqual([low.toFixed(4), high.toFixed(4)]);
  });

  // statsmodels 0.15: proportion_confint(38125, 50000, alpha=0.01, method="wilson").
  it("holds at another confidence", () => {
    const [low, high] = wilson(38125, 50000, 0.99);
    expect(low).toBeCloseTo(0.757563254366338, 14);
    expect(high).toBeCloseTo(0.7673670884627137, 14);
  });

  it("stays within 0 and 1, symmetric", () => {
    expect(wilson(0, 10)[0]).toBe(0);
    expect(wilson(10, 10)[1]).toBe(1);
    expect(wilson(10, 10)[0]).toBeCloseTo(1 - wilson(0, 10)[1], 15);
  });

  it.each([
    [0, 0, 0.95, "an interval of 0 trials cannot be given; at least 1 is needed."],
    [5, 4, 0.95, "5 successes in 4 trials are impossible; give a whole number from 0 to 4."],
    [-1, 4, 0.95, "-1 successes in 4 trials are impossible"],
    [1, 4, 1, "the confidence is 1; give a number between 0 and 1, such as 0.95."],
    [1, Number.NaN, 0.95, "an interval of NaN trials"],
  ])("refuses %d of %d at %d", (successes, n, confidence, message) => {
    expect(() => wilson(successes, n, confidence)).toThrow(RequestError);
    expect(() => wilson(successes, n, confidence)).toThrow(message);
  });
});

describe("mcnemar", () => {
  // SciPy 1.17's binomtest(gained, gained + lost).pvalue; those above 1e5 pairs from exact integers.
  it.each([
    [121, 59, 4.434449263755176e-6],
    [6, 14, 0.11531829833984375],
    [0, 7, 0.015625],
    [5, 5, 1],
    [1000, 900, 0.02310884510890107],
    [700, 10, 3.170552984043059e-192],
    [50000, 49000, 0.0014980826229749737],
    [51000, 49000, 2.588716038346898e-10],
  ])("of %i and %i is the exact binomial p-value", (gained, lost, p) => {
    expect(mcnemar(gained, lost) / p).toBeCloseTo(1, 11);
    expect(mcnemar(lost, gained)).toBe(mcnemar(gained, lost));
  });

  it("is 1 where nothing changed, never above 1, and 0 beyond the range of numbers", () => {
    expect(mcnemar(0, 0)).toBe(1);
    expect(mcnemar(1, 2)).toBe(1);
    expect(mcnemar(2000, 10)).toBe(0);
  });

  it.each([-1, 1.5, Number.NaN])("refuses %d pairs", (count) => {
    expect(() => mcnemar(count, 1)).toThrow(RequestError);
    expect(() => mcnemar(1, count)).toThrow(`${count} pairs cannot have changed; give a whole number of at least 0.`);
  });
});

/** Scores of pictures that were right both times, gained, lost, and wrong both times. */
function pairs(right: number, gained: number, lost: number, wrong: number): [before: Uint8Array, after: Uint8Array] {
  const kinds = [
    [right, 1, 1],
    [gained, 0, 1],
    [lost, 1, 0],
    [wrong, 0, 0],
  ] as const;
  const scores = (which: 1 | 2) => Uint8Array.from(kinds.flatMap((kind) => Array<number>(kind[0]).fill(kind[which])));
  return [scores(1), scores(2)];
}

describe("pairedGain", () => {
  // Newcombe 1998 (Statistics in Medicine 17, 2635-2650), Table II, method 10.
  it.each([
    [36, 12, 2, 0, 0.2, 0.0569, 0.3404],
    [18, 12, 2, 18, 0.2, 0.0562, 0.329],
    [53, 0, 0, 1, 0, -0.0729, 0.0729],
    [0, 30, 0, 0, 1, 0.8395, 1],
  ])("of table %i %i %i %i has the published interval", (right, gained, lost, wrong, gain, low, high) => {
    const result = pairedGain(...pairs(right, gained, lost, wrong));
    expect(result).toMatchObject({ gained, lost, n: right + gained + lost + wrong, pValue: mcnemar(gained, lost) });
    expect(result.gain).toBeCloseTo(gain, 15);
    expect(result.ci95.map((end) => end.toFixed(4))).toEqual([low.toFixed(4), high.toFixed(4)]);
  });

  it("turns round where before and after are exchanged", () => {
    const [before, after] = pairs(40, 9, 4, 30);
    const [forth, back] = [pairedGain(before, after), pairedGain(after, before)];
    expect(back.gain).toBeCloseTo(-forth.gain, 15);
    expect(back.ci95[0]).toBeCloseTo(-forth.ci95[1], 15);
    expect(back.pValue).toBe(forth.pValue);
  });

  it("is sharper where the pairs agree than where they do not", () => {
    const width = ({ ci95: [low, high] }: { ci95: readonly [number, number] }): number => high - low;
    expect(width(pairedGain(...pairs(700, 30, 20, 250)))).toBeLessThan(
      0.5 * width(pairedGain(...pairs(500, 230, 220, 50))),
    );
  });

  it("takes no change for no evidence", () => {
    expect(pairedGain(...pairs(70, 0, 0, 30))).toMatchObject({ gain: 0, pValue: 1, gained: 0, lost: 0, n: 100 });
  });

  it.each<[number[], number[], string]>([
    [[], [], "no pictures to compare; at least 1 pair is needed."],
    [[1, 0], [1], "2 pictures before and 1 after cannot be paired; score the same ones."],
    [[1, 0], [1, 2], "picture 1 is scored 2; give 1 where it is right and 0 where it is wrong."],
  ])("refuses %j against %j", (before, after, message) => {
    expect(() => pairedGain(before, after)).toThrow(RequestError);
    expect(() => pairedGain(before, after)).toThrow(message);
  });
});
