import { expect, it } from "vitest";
import { TUNE_DEFAULTS } from "../options.js";
import { type EstimateOptions, estimateOf } from "./estimate.js";
import type { PlannedFeatures } from "./planned.js";

const features = (pictures: number): PlannedFeatures => ({
  ...{
    pictures,
    type: "float32",
    features: [],
    trunk: { sessions: 2, batchSize: 4, weightBytes: 8 },
    bytesPerPicture: 100,
    bytes: 100 * pictures,
  },
  ...{ where: "disk", inMemory: true, views: 1, entries: [], found: 0, displaced: 0, fault: null },
});
const trunk = { picturesPerSecond: 10, openingSeconds: 1, memoryBytes: 2000 };
const given: EstimateOptions = {
  options: { ...TUNE_DEFAULTS, preprocessing: {} as never, batchSize: 10, epochs: 4 },
  ...{ train: features(105), val: features(45), held: 0, unfolded: false, preparingSeconds: 0.5 },
  measured: {
    ...{ decodedPerSecond: 50, baseBytes: 5000, seconds: 3, train: trunk, val: trunk },
    step: { seconds: 0.5, openingSeconds: 0.25, memoryBytes: 300, garbageBytes: 7 },
    scoring: { seconds: 0.2, openingSeconds: 0.125, memoryBytes: 40, garbageBytes: 9 },
  },
};

it("counts full batches of each epoch, the features once, and two evaluations", () => {
  const { seconds, memory } = estimateOf(given);
  expect(seconds).toEqual({
    ...{ opening: 3, trainFeatures: 10.5, valFeatures: 4.5, laterEpoch: 5, firstEpoch: 16.5, evaluation: 1 },
    ...{ choosing: 0, total: 3 + 10.5 + 4.5 + 2 * 1 + 4 * 5 },
  });
  expect(memory).toEqual({ base: 5000, trunk: 4000, top: 396, features: 15_000, peak: 24_396 });
});

it("counts the features in every pass where nothing is kept", () => {
  const { train, val } = given;
  const none = { where: "none", inMemory: false } as const;
  const { seconds, memory } = estimateOf({ ...given, train: { ...train, ...none }, val: { ...val, ...none } });
  expect(seconds.laterEpoch).toBe(5 + 10.5);
  expect(seconds.firstEpoch).toBe(seconds.laterEpoch + 1);
  expect(seconds.evaluation).toBe(1 + 4.5);
  expect(seconds.total).toBe(3 + 2 * 5.5 + 4 * 15.5);
  expect(memory.features).toBe(0);
});

it("counts what is there already as nothing, and the epochs of a choice", () => {
  const { train, val, measured, options } = given;
  const { seconds } = estimateOf({
    ...{ ...given, train: { ...train, found: 105 }, val: { ...val, found: 45 }, held: 20 },
    measured: { ...measured, train: null, val: null },
    options: { ...options, selectOn: "holdout" },
  });
  expect(seconds).toMatchObject({ trainFeatures: 0, valFeatures: 0, firstEpoch: 5, laterEpoch: 5 });
  // Eight steps of the 85 that are kept, and two batches that judge.
  expect(seconds.choosing).toBeCloseTo(4 * (8 * 0.5 + 2 * 0.2));
  expect(seconds.total).toBeCloseTo(0.5 + 0.5 + 0.375 + 2 * 1 + seconds.choosing + 4 * 5);
});

it("counts the pass for the statistics of a fresh BatchNorm", () => {
  const with_ = estimateOf({ ...given, unfolded: true }).seconds.total;
  expect(with_ - estimateOf(given).seconds.total).toBeCloseTo(11 * 0.2 + 0.125);
});
