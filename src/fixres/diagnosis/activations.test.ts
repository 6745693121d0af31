import { describe, expect, it } from "vitest";
import { random } from "../../random.js";
import { momentsOf, shiftFrom, statisticsOf } from "./activations.js";

/** Three pictures, two channels. */
const TRAIN = { values: Float32Array.of(1, 0, 2, 0.001, 3, -4), channels: 2 };

describe("statistics of activations", () => {
  it("are those that one writes down by hand", () => {
    const moments = momentsOf(TRAIN);
    expect([...moments.mean]).toEqual([2, expect.closeTo(-1.333, 3)]);
    expect([...moments.variance]).toEqual([expect.closeTo(2 / 3, 6), expect.closeTo(3.5564, 4)]);
    expect(moments.rootMeanSquare).toBeCloseTo(Math.sqrt(30.000001 / 6), 6);
    expect(statisticsOf(TRAIN, moments)).toEqual({
      mean: expect.closeTo(2.001 / 6, 6),
      std: expect.closeTo(Math.sqrt((2 / 3 + 3.5564) / 2), 4),
      nearZero: 2 / 6,
      negative: 1 / 6,
    });
  });

  it("are not apart from themselves", () => {
    expect(shiftFrom(momentsOf(TRAIN), momentsOf(TRAIN))).toEqual({ shift: 0, distance: 0 });
  });

  it("say how far Gaussians of known moments lie apart", () => {
    const gaussians = (key: string, parts: readonly (readonly [number, number])[]) => {
      const stream = random(0, key);
      const values = Float32Array.from({ length: 20_000 * parts.length }, (_, i) => {
        const [mean, std] = parts[i % parts.length]!;
        return mean + std * stream.normal();
      });
      return momentsOf({ values, channels: parts.length });
    };
    const train = gaussians("train", [
      [0, 1],
      [5, 2],
    ]);
    const test = gaussians("test", [
      [1, 1],
      [5, 3],
    ]);
    // Means: 1 / 1 and 0 / 2; distance: (1 + 0 + 0 + 1) / (1 + 4).
    expect(shiftFrom(train, test).shift).toBeCloseTo(0.5, 1);
    expect(shiftFrom(train, test).distance).toBeCloseTo(0.4, 1);
  });

  it("leave out of the shift, not of the distance, what never varied in training", () => {
    const train = momentsOf({ values: Float32Array.of(0, 1, 0, 3), channels: 2 });
    const test = momentsOf({ values: Float32Array.of(2, 2, 2, 4), channels: 2 });
    expect(shiftFrom(train, test)).toEqual({ shift: 1, distance: 5 });
  });
});
