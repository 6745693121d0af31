import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { augmentGolden, FILL, namedStream } from "../../augment.testing.js";
import { RequestError } from "../../errors.js";
import { pattern } from "../../pictures.testing.js";
import { random } from "../../random.js";
import { augmentation } from "./augmentation.js";
import { type AugmentStep, augment, type Operation } from "./operations.js";
import { RAND_CHOICES, RAND_SETS } from "./policies.js";

describe("augmentation", () => {
  it.each(augmentGolden().policies)("makes the bytes of timm and torchvision, given their draws: $augment", (entry) => {
    const { augment: name, interpolation, size, crc32: crcs } = entry;
    const options = { fill: FILL, interpolation };
    const made = crcs.map((_, i) => {
      const picture = { ...pattern(...size), data: pattern(...size).data.slice() };
      augment(picture, augmentation(name, options)(namedStream(`${name} ${i}`)));
      return crc32(picture.data);
    });
    expect(made.flatMap((crc, i) => (crc === crcs[i] ? [] : [i]))).toEqual([]);
  });

  /** What is drawn for so many pictures. */
  function drawn(text: string, n: number, interpolation: "random" | "bicubic" = "random") {
    const draw = augmentation(text, { fill: FILL, interpolation });
    const stream = random(7);
    const pictures = Array.from({ length: n }, () => draw(stream));
    const of = (name: Operation): AugmentStep[] => pictures.flat().filter(({ operation }) => operation === name);
    return { pictures, of };
  }
  const share = <T>(values: readonly T[], is: (value: T) => boolean): number =>
    values.filter(is).length / values.length;
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;

  it("draws each operation of RandAugment as often, and does it with a probability of 0.5", () => {
    const { pictures, of } = drawn("rand-m9-n2", 15_000);
    // 1000 each, which err by 31.
    const counts = RAND_CHOICES.map((name) => of(name).length);
    expect(counts.length).toBe(15);
    expect(Math.min(...counts)).toBeGreaterThan(875);
    expect(Math.max(...counts)).toBeLessThan(1125);
    for (const [count, expected] of [0.25, 0.5, 0.25].entries()) {
      expect(Math.abs(share(pictures, ({ length }) => length === count) - expected)).toBeLessThan(0.017);
    }
    const turns = of("Rotate");
    expect(new Set(turns.map(({ argument }) => argument))).toEqual(new Set([27, -27]));
    expect(Math.abs(share(turns, ({ argument }) => argument < 0) - 0.5)).toBeLessThan(0.065);
    expect(Math.abs(share(turns, ({ sampling }) => sampling.filter === "bicubic") - 0.5)).toBeLessThan(0.065);
    expect(new Set(of("Posterize").map(({ argument }) => argument))).toEqual(new Set([3]));
  });

  it("draws levels around the magnitude, none above 10", () => {
    const levels = (text: string) =>
      drawn(text, 20_000)
        .of("SolarizeAdd")
        .map(({ argument }) => argument / 11);
    // Cut to elevenths; some 1330 err by 0.03.
    const near = levels("rand-m5-mstd1");
    expect(Math.abs(mean(near) - (5 - 0.5 / 11))).toBeLessThan(0.12);
    expect(Math.abs(mean(near.map((level) => (level - mean(near)) ** 2)) - 1)).toBeLessThan(0.16);
    const high = levels("rand-m9-mstd1");
    expect(Math.max(...high)).toBe(10);
    // What lies beyond one deviation.
    expect(Math.abs(share(high, (level) => level === 10) - 0.1587)).toBeLessThan(0.04);
    const even = levels("rand-m8-mstd101");
    expect(Math.abs(mean(even) - (4 - 0.5 / 11))).toBeLessThan(0.26);
    expect(Math.max(...even)).toBeLessThan(8);
    expect(Math.max(...even)).toBeGreaterThan(7.8);
  });

  it("draws weighted operations by their weights, none twice", () => {
    const { of } = drawn("rand-n1-p1-tweights", 20_000);
    const total = RAND_SETS.weights.reduce((sum, [, weight]) => sum + weight, 0);
    expect(Math.abs(of("Rotate").length / 20_000 - 3 / total)).toBeLessThan(0.016);
    expect(Math.abs(of("Invert").length / 20_000 - 0.05 / total)).toBeLessThan(0.003);
    const { pictures } = drawn("rand-n15-p1-tweights", 200);
    expect(pictures.every((steps) => new Set(steps.map(({ operation }) => operation)).size === 15)).toBe(true);
  });

  it.each(["original", "autoaugment"])(
    "draws each sub-policy of %s as often, and its steps by their probabilities",
    (name) => {
      const { of } = drawn(name, 25_000);
      // A thousand times the sums of the probabilities, which err by 110 and less.
      for (const [operation, expected, error] of [
        ["Equalize", 11_200, 110],
        ["Color", 3800, 57],
        ["Rotate", 3600, 56],
        ["Invert", 1800, 41],
        ["ShearX", 600, 25],
        ["Brightness", 0, 0],
      ] as const) {
        expect(Math.abs(of(operation).length - expected), operation).toBeLessThanOrEqual(4 * error);
      }
    },
  );

  it("is a function of the stream", () => {
    const draw = augmentation("rand-m9-n2-mstd0.5", { fill: FILL, interpolation: "random" });
    const steps = (index: number) => Array.from({ length: 20 }, (_, epoch) => draw(random(1, "sample", epoch, index)));
    expect(steps(3)).toEqual(steps(3));
    expect(steps(3)).not.toEqual(steps(4));
  });

  it.each([
    [
      "rend-m9",
      'Unknown augmentation "rend-m9". Known are autoaugment, original, originalr, v0, v0r, 3a (also as original-mstd0.5)',
    ],
    ["autoaugment-mstd0.5", 'Unknown augmentation "autoaugment-mstd0.5".'],
    ["original-m9", '"original-m9" has the unknown section "m9"; a policy takes mstd alone, as in mstd0.5.'],
    ["rand-m9-w0", "t3a, t3aw, tweights; timm has tweights in the place of w."],
    [
      "rand-m9-q3",
      '"rand-m9-q3" has the unknown section "q3"; known are m, n, p, mstd, mmax and inc, each with a number',
    ],
    ["rand-t3b", 'has the unknown section "t3b"'],
    ["rand-m", '"rand-m": "m" does not end in a number;'],
    ["rand-m9.5", '"rand-m9.5": "m9.5" gives 9.5; it takes a whole number from 0 on.'],
    ["rand-n0", '"rand-n0": "n0" gives 0; it takes a whole number from 1 on.'],
    ["rand-mstd0.5x", '"mstd0.5x" does not end in a number;'],
    ["rand-p1.5", '"rand-p1.5": the probability p is 1.5; give one from 0 to 1.'],
    ["rand-n16-tweights", "n is 16, but its set has 15 operations, each once a picture."],
  ])("refuses %s", (text, message) => {
    const make = () => augmentation(text, { fill: FILL, interpolation: "random" });
    expect(make).toThrow(RequestError);
    expect(make).toThrow(message);
  });
});
