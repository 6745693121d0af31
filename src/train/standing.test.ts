import { describe, expect, it } from "vitest";
import { balancedWeights, defaultTrainOptions, isOver, type Placed, placed, resolutionAt } from "./index.js";

const options = { ...defaultTrainOptions({ resolution: 64, dropout: 0 }), epochs: 8 };

describe("the best epochs", () => {
  const values = [0.3, 0.5, 0.5, 0.2, 0.6];
  const bestOf = (metric: "top1" | "loss", keep: number): Placed[] =>
    values.reduce<Placed[]>((standing, value, i) => placed(standing, { epoch: i + 1, value }, metric, keep), []);

  it("are the highest accuracies, the earlier of equals first", () => {
    expect(bestOf("top1", 3).map(({ epoch }) => epoch)).toEqual([5, 2, 3]);
  });
  it("are the lowest losses", () => {
    expect(bestOf("loss", 2).map(({ epoch }) => epoch)).toEqual([4, 1]);
  });
  it("hold one where none are kept", () => {
    expect(bestOf("top1", 0)).toEqual([{ epoch: 5, value: 0.6 }]);
  });
});

describe("a run is over", () => {
  const standing = [{ epoch: 2, value: 0.5 }];
  it.each([
    [7, 0, false],
    [8, 0, true],
    [4, 3, false],
    [5, 3, true],
  ])("after %i epochs with patience %i: %s", (epoch, patience, over) => {
    expect(isOver(epoch, standing, { ...options, patience })).toBe(over);
  });
});

it("resolutions have their share of the epochs, the last the rest", () => {
  const run = { earlierResolutions: [32, 48], resolution: 64, epochs: 8 };
  expect([0, 1, 2, 3, 4, 5, 6, 7].map((epoch) => resolutionAt(run, epoch))).toEqual([32, 32, 32, 48, 48, 48, 64, 64]);
  expect(resolutionAt({ ...run, earlierResolutions: [] }, 0)).toBe(64);
  // A run that is over is not asked for more, but may be opened again.
  expect(resolutionAt(run, 8)).toBe(64);
});

it("balanced class weights are in inverse proportion to the pictures, with mean 1 over them", () => {
  const labels = [0, 0, 0, 2];
  const samples = labels.map((label) => ({ path: "", name: "", label }));
  const weights = balancedWeights({ classes: ["a", "none", "b"], samples });
  expect(weights).toEqual([4 / 6, 1, 2]);
  expect(labels.reduce((sum, label) => sum + weights[label]!, 0)).toBeCloseTo(4, 12);
});
