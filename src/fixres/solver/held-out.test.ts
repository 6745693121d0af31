import { describe, expect, it } from "vitest";
import { RequestError } from "../../errors.js";
import { heldOutRows } from "./held-out.js";
import { STRENGTHS, walkStrengths } from "./strength.js";

describe("heldOutRows", () => {
  const labels = Int32Array.from({ length: 103 }, (_, i) => (i < 100 ? i % 2 : i === 102 ? 3 : 2));

  it("takes the share of each class, and never all of it", () => {
    const held = heldOutRows(labels, 0.2, 0);
    const of = (label: number): number => held.reduce((sum, one, i) => sum + (labels[i] === label ? one : 0), 0);
    expect([0, 1, 2, 3].map(of)).toEqual([10, 10, 0, 0]);
    expect(heldOutRows(Int32Array.of(0, 0), 0.9, 0).reduce((a, b) => a + b)).toBe(1);
  });

  it("depends on the seed alone", () => {
    expect(heldOutRows(labels, 0.2, 1)).toEqual(heldOutRows(labels, 0.2, 1));
    expect(heldOutRows(labels, 0.2, 1)).not.toEqual(heldOutRows(labels, 0.2, 2));
  });

  it("refuses where no row can be spared, and a share that is none", () => {
    expect(() => heldOutRows(Int32Array.of(0, 1, 2), 0.5, 0)).toThrow(RequestError);
    expect(() => heldOutRows(Int32Array.of(0, 1, 2), 0.5, 0)).toThrow("no class of the 3 rows has one to spare");
    expect(() => heldOutRows(labels, 1, 0)).toThrow("the held-out share is 1; give one between 0 and 1.");
  });
});

describe("walkStrengths", () => {
  const walk = (losses: Readonly<Record<string, number>>, order: readonly number[]) => {
    const from: string[] = [];
    const solve = async (strength: number, last: string) => {
      from.push(last);
      const heldOutLoss = losses[strength]!;
      return { solution: `at ${strength}`, step: { strength, heldOutLoss, heldOutTop1: 0 } };
    };
    return walkStrengths(order, "start", solve).then((found) => ({ ...found, from }));
  };

  it("goes from strong to weak, each from the last, and ends where the loss has risen by more than 1%", async () => {
    const { path, best, from } = await walk(
      { 1: 3, 0.1: 2, 0.01: 2.01, 0.001: 2.03, 0.0001: 1 },
      [0.01, 1, 0.1, 1e-4, 1e-3],
    );
    expect(path.map(({ strength }) => strength)).toEqual([1, 0.1, 0.01, 0.001]);
    expect(best).toMatchObject({ solution: "at 0.1", step: { strength: 0.1 } });
    expect(from).toEqual(["start", "at 1", "at 0.1", "at 0.01"]);
  });

  it("takes the strongest of equals", async () => {
    expect((await walk({ 1: 2, 0.1: 2 }, [1, 0.1])).best.step.strength).toBe(1);
  });

  it("has two strengths a decade by default", () => {
    expect(STRENGTHS).toEqual([0.1, 0.032, 0.01, 3.2e-3, 1e-3, 3.2e-4, 1e-4, 3.2e-5, 1e-5, 3.2e-6, 1e-6, 3.2e-7, 1e-7]);
  });
});
