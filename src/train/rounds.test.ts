import { describe, expect, it } from "vitest";
import { meanOf, outerStep, roundNames, sharedPart, stepsOfReplica } from "./rounds.js";

const state = (w: number[], mean = [0], more = {}) => ({
  w: Float32Array.from(w),
  "bn.running_mean": Float32Array.from(mean),
  "average/w": Float32Array.from(w),
  "optimizer/momentum/w": Float32Array.of(9, 9),
  ...more,
});

describe("the outer step", () => {
  it("takes means in float64", () => {
    // In float32 the first two would leave 0.
    expect([...meanOf([Float32Array.of(2 ** 25), Float32Array.of(1), Float32Array.of(-(2 ** 25))])]).toEqual([1 / 3]);
  });

  it("is the mean at rate 1 without momentum, to the last bit", () => {
    const moved = outerStep(state([1, 1]), [state([1e-20, 3], [4])], ["w"], { outerLearningRate: 1, outerMomentum: 0 });
    expect(moved).toEqual(sharedPart(state([1e-20, 3], [4])));
  });

  it("follows the written-out numbers of two rounds", () => {
    const how = { outerLearningRate: 0.5, outerMomentum: 0.5 };
    // mean (2, 0), delta (-1, 1), m = delta, step 0.5 (delta + 0.5 m) = (-0.75, 0.75).
    const once = outerStep(state([1, 1]), [state([1, 1], [2]), state([3, -1], [4])], ["w"], how);
    expect(once).toEqual({
      w: Float32Array.of(1.75, 0.25),
      "outer/w": Float32Array.of(-1, 1),
      "bn.running_mean": Float32Array.of(3),
      "average/w": Float32Array.of(2, 0),
    });
    // mean (2.75, 0.25), delta (-1, 0), m = 0.5 (-1, 1) + delta = (-1.5, 0.5), step 0.5 (delta + 0.5 m) = (-0.875, 0.125).
    const twice = outerStep(once, [state([2.75, 0.25])], ["w"], how);
    expect(twice).toMatchObject({ w: Float32Array.of(2.625, 0.125), "outer/w": Float32Array.of(-1.5, 0.5) });
  });

  it("moves what is not trained to the mean, and keeps slots out", () => {
    const how = { outerLearningRate: 0.5, outerMomentum: 0 };
    const moved = outerStep(state([1, 1]), [state([3, 3]), state([5, 5])], [], how);
    expect(moved).toEqual(sharedPart(state([4, 4])));
    expect(roundNames(["w", "average/w", "optimizer/momentum/w"], ["w"], { outerMomentum: 0.9 })).toEqual([
      "w",
      "average/w",
      "outer/w",
    ]);
  });
});

it("gives every replica as many whole updates", () => {
  const source = { samples: Array.from({ length: 47 }, (_, i) => ({ name: `${i}`, path: "", label: 0 })) };
  const options = { batchSize: 2, epochs: 1, accumulate: 2 } as Parameters<typeof stepsOfReplica>[1];
  expect(stepsOfReplica(source, options, { replicas: 1 })).toBe(22);
  expect(stepsOfReplica(source, options, { replicas: 3 })).toBe(6);
  expect(() => stepsOfReplica(source, options, { replicas: 12 })).toThrow(
    "an epoch has 23 steps, too few for an update of each of 12 replicas",
  );
});
