import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { augmentGolden, namedStream } from "../../augment.testing.js";
import { RequestError } from "../../errors.js";
import { pattern } from "../../pictures.testing.js";
import { random } from "../../random.js";
import { assertErasing, type ErasingOptions, eraseRandomly } from "./erase.js";

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

describe("eraseRandomly", () => {
  it.each(augmentGolden().erased)("makes the bytes of timm, given its draws: $mode, $size, $count", (entry) => {
    const { mode, size, probability, count, crc32: crcs } = entry;
    const made = crcs.map((_, i) => {
      const picture = { ...pattern(...size), data: pattern(...size).data.slice() };
      eraseRandomly(picture, { probability, mode, count }, IMAGENET, namedStream(`erase ${mode} ${i}`));
      return crc32(picture.data);
    });
    expect(made).toEqual(crcs);
  });

  /** Of 64x64 black pictures, the shares that are no longer so. */
  function areas(options: ErasingOptions, n: number): number[] {
    const stream = random(3);
    return Array.from({ length: n }, () => {
      const picture = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };
      eraseRandomly(picture, options, IMAGENET, stream);
      return picture.data.filter((_, i) => i % 3 === 0).reduce((count, red) => count + Number(red !== 0), 0) / 4096;
    });
  }

  it("erases as many pictures as its probability says, and of these 2% to a third", () => {
    const all = areas({ probability: 0.25, mode: "const" }, 4000);
    const erased = all.filter((area) => area > 0);
    // 1000, which errs by 27.
    expect(Math.abs(erased.length - 1000)).toBeLessThan(110);
    expect(Math.min(...erased)).toBeLessThan(0.03);
    expect(Math.min(...erased)).toBeGreaterThan(0.018);
    expect(Math.max(...erased)).toBeGreaterThan(0.31);
    expect(Math.max(...erased)).toBeLessThan(0.35);
  });

  it("erases by noise of the model's mean and deviation", () => {
    const sums = [0, 0];
    let n = 0;
    for (let i = 0; i < 60; i++) {
      const picture = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };
      eraseRandomly(picture, { probability: 1 }, { mean: [0.5, 0.5, 0.5], std: [0.1, 0.1, 0.1] }, random(i));
      for (const byte of picture.data) {
        if (byte === 0) continue;
        n++;
        sums[0]! += byte;
        sums[1]! += byte ** 2;
      }
    }
    const mean = sums[0]! / n;
    expect(n).toBeGreaterThan(50_000);
    expect(Math.abs(mean - 127.5)).toBeLessThan(0.5);
    expect(Math.abs(Math.sqrt(sums[1]! / n - mean ** 2) - 25.5)).toBeLessThan(0.3);
  });
});

it.each<[Partial<ErasingOptions>, string]>([
  [{ probability: 1.5 }, "the erasing probability is 1.5; give one from 0 to 1, such as 0.25."],
  [{ mode: "noise" as "rand" }, 'Unknown erasing mode "noise". Known are const, rand, pixel.'],
  [{ count: 0 }, "the number of erased boxes is 0; give a whole number from 1 on."],
])("refuses %j", (options, message) => {
  expect(() => assertErasing({ probability: 0.5, ...options })).toThrow(RequestError);
  expect(() => assertErasing({ probability: 0.5, ...options })).toThrow(message);
});
