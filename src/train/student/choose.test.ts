import { describe, expect, it } from "vitest";
import { type ChoiceOptions, choose } from "./choose.js";

/*
 * Ten pictures of four classes. Above 0.3 are rows 0, 1, 2, 3 and 4 of class 0, row 5 of class 1, rows 8 and 9 of class 3; row 6 is not
 * above but at it, row 7 below. The mean of the three classes that have any is 8 / 3, rounded up 3.
 */
const labels = {
  label: Int32Array.of(0, 0, 0, 0, 0, 1, 1, 2, 3, 3),
  confidence: Float32Array.of(0.5, 0.9, 0.4, 0.5, 0.8, 0.6, 0.3, 0.2, 0.31, 0.99),
  content: Array.from("abcdefghij"),
};
// As the file has it: float32.
const threshold = Math.fround(0.3);
const options: ChoiceOptions = { threshold, balance: "both", perClass: 0, seed: 1 };
const rowsOf = (own: Partial<ChoiceOptions> = {}) => {
  const found = choose(labels, 4, { ...options, ...own });
  return { ...found, rows: [...found.rows], places: Array.from(found.places, (place) => found.rows[place]!) };
};

describe("choose", () => {
  it("takes the most confident, the earlier of equals, and repeats what is rare", () => {
    const { rows, places, perClass, classes } = rowsOf();
    expect(rows).toEqual([0, 1, 4, 5, 8, 9]);
    expect(perClass).toBe(3);
    expect(classes).toEqual([
      { passed: 5, taken: 3, places: 3 },
      { passed: 1, taken: 1, places: 3 },
      { passed: 0, taken: 0, places: 0 },
      { passed: 2, taken: 2, places: 3 },
    ]);
    expect(places.slice(0, 6).sort()).toEqual([0, 1, 4, 5, 5, 5]);
    expect([
      [8, 8, 9],
      [8, 9, 9],
    ]).toContainEqual(places.slice(6).sort());
    expect(rowsOf().places).toEqual(places);
  });

  it.each([
    ["none", [0, 1, 2, 3, 4, 5, 8, 9], 8],
    ["cut", [0, 1, 4, 5, 8, 9], 6],
    ["repeat", [0, 1, 2, 3, 4, 5, 8, 9], 5 + 3 + 3],
  ] as const)("balances by %s", (balance, wanted, count) => {
    const { rows, places } = rowsOf({ balance });
    expect(rows).toEqual(wanted);
    expect(places).toHaveLength(count);
  });

  it("brings classes to a number, which of them are repeated once more by seed", () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const { rows, places } = rowsOf({ perClass: 2, seed });
      expect(rows).toEqual([1, 4, 5, 8, 9]);
      expect(places).toHaveLength(6);
      found.add(rowsOf({ perClass: 3, seed }).places.slice(6).sort().join());
    }
    expect([...found].sort()).toEqual(["8,8,9", "8,9,9"]);
  });

  it("leaves out what the validation has, and tells of it whatever its confidence", () => {
    const { rows, leaked } = rowsOf({ forbidden: new Set(["b", "h", "z"]) });
    expect([...leaked]).toEqual([1, 7]);
    expect(rows).toEqual([0, 3, 4, 5, 8, 9]);
  });

  it("may find nothing", () => {
    const { rows, places, perClass } = rowsOf({ threshold: 0.995 });
    expect([rows, places, perClass]).toEqual([[], [], 0]);
  });
});
