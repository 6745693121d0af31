import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { pattern } from "../pictures.testing.js";
import { random } from "../random.js";
import { assertJitter, drawJitter, JITTERS, type JitterRanges, type JitterStep, jitterColors } from "./color-jitter.js";

/** An entry of jitter.json, which make_jitter.py beside it writes. */
interface Golden {
  readonly picture: "pattern" | "spectrum";
  readonly size: [number, number];
  readonly steps: JitterStep[];
  readonly crc32: number;
}

const { jitter: golden }: { jitter: Golden[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/pillow/jitter.json", import.meta.url), "utf8"),
);

/** Colours spread over the whole cube: the i-th is 251 i. */
function spectrum(width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data.set([(i * 251) >> 16, (i * 251) >> 8, i * 251], i * 3);
  return data;
}

const PICTURES = { spectrum, pattern: (width: number, height: number) => pattern(width, height).data.slice() };

describe("jitterColors", () => {
  it.each([...JITTERS, "all, in every order"])("makes the bytes of torchvision on Pillow pictures: %s", (what) => {
    const entries = golden.filter(({ steps }) => what === (steps.length === 1 ? steps[0]![0] : "all, in every order"));
    expect(entries.length).toBeGreaterThanOrEqual(20);
    const wrong = entries.filter(({ picture, size, steps, ...golden }) => {
      const pixels = PICTURES[picture](...size);
      jitterColors(pixels, steps);
      return crc32(pixels) !== golden.crc32;
    });
    expect(wrong).toEqual([]);
  });

  it("changes nothing but its bytes, and nothing without steps", () => {
    const all = pattern(9, 7).data.slice();
    const before = all.slice();
    jitterColors(all, []);
    expect(all).toEqual(before);
    jitterColors(all.subarray(30, 90), [
      ["brightness", 2],
      ["contrast", 0.5],
      ["saturation", 3],
      ["hue", 0.5],
    ]);
    expect(all.subarray(0, 30)).toEqual(before.subarray(0, 30));
    expect(all.subarray(90)).toEqual(before.subarray(90));
    expect(all.subarray(30, 90)).not.toEqual(before.subarray(30, 90));
  });
});

describe("drawJitter", () => {
  const draws = (ranges: JitterRanges, n = 4800) => {
    const stream = random(5);
    return Array.from({ length: n }, () => drawJitter(ranges, stream));
  };

  it("draws factors uniform in [max(0, 1 - v), 1 + v], and hues in [-v, v]", () => {
    const all = draws({ brightness: 0.05, contrast: 0.4, saturation: 1.5, hue: 0.1 }).flat();
    for (const [name, least, most] of [
      ["brightness", 0.95, 1.05],
      ["contrast", 0.6, 1.4],
      ["saturation", 0, 2.5],
      ["hue", -0.1, 0.1],
    ] as const) {
      const shares = all.filter(([jitter]) => jitter === name).map(([, factor]) => (factor - least) / (most - least));
      expect(shares.length).toBe(4800);
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
      expect(Math.min(...shares)).toBeLessThan(0.002);
      expect(Math.max(...shares)).toBeLessThanOrEqual(1);
      expect(Math.max(...shares)).toBeGreaterThan(0.998);
      // The mean of so many errs by 0.0042.
      expect(Math.abs(shares.reduce((a, b) => a + b) / 4800 - 0.5)).toBeLessThan(0.017);
    }
  });

  it("draws each of the 24 orders as often", () => {
    const counts = new Map<string, number>();
    for (const steps of draws({ brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.1 })) {
      const order = steps.map(([name]) => name).join(" ");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // 200 each, which err by 14.
    expect(Math.min(...counts.values())).toBeGreaterThan(140);
    expect(Math.max(...counts.values())).toBeLessThan(260);
  });

  it("leaves out what has no range", () => {
    const names = new Set(
      draws({ brightness: 0.05, contrast: 0.05, saturation: 0.05, hue: 0 }, 50).map((s) => s.length),
    );
    expect(names).toEqual(new Set([3]));
    expect(draws({}, 3)).toEqual([[], [], []]);
  });
});

it.each<[JitterRanges, string]>([
  [{ brightness: -0.1 }, "the colour jitter of brightness is -0.1; give a number from 0, such as 0.05."],
  [{ saturation: Number.NaN }, "the colour jitter of saturation is NaN;"],
  [{ contrast: Number.POSITIVE_INFINITY }, "the colour jitter of contrast is Infinity;"],
  [{ hue: 0.6 }, "the colour jitter of hue is 0.6; give a number from 0 to 0.5."],
])("refuses the ranges %j", (ranges, message) => {
  expect(() => assertJitter(ranges)).toThrow(RequestError);
  expect(() => assertJitter(ranges)).toThrow(message);
});
