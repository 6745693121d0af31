import { describe, expect, it } from "vitest";
import { STRENGTHS, walkStrengths } from "./strength.js";

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
