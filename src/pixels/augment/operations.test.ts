import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { augmentGolden, FILL, streamOf } from "../../augment.testing.js";
import { pattern } from "../../pictures.testing.js";
import { LEVELS, type LevelName } from "./levels.js";
import { isGeometric, OPERATIONS } from "./operations.js";

const golden = augmentGolden().operations;

/** What an operation makes of the picture of that size. */
function changed(name: LevelName, level: number, negative: boolean, [width, height]: readonly [number, number]) {
  const picture = { width, height, data: pattern(width, height).data.slice() };
  const { operation, argument } = LEVELS[name];
  const value = argument(level, streamOf([negative ? 0.75 : 0.25]));
  return (filter: "bilinear" | "bicubic"): Uint8Array => {
    OPERATIONS[operation](picture, value, { filter, fill: FILL });
    return picture.data;
  };
}

describe("OPERATIONS", () => {
  it.each(Object.keys(LEVELS) as LevelName[])(
    "makes the bytes of timm on Pillow pictures at every level: %s",
    (name) => {
      const entries = golden.filter(({ operation }) => operation === name);
      expect(entries.length).toBeGreaterThanOrEqual(9);
      const wrong = entries.flatMap(({ size, filter = "bicubic", negative = false, crc32: crcs }) =>
        crcs.flatMap((crc, level) =>
          crc32(changed(name, level, negative, size)(filter)) === crc ? [] : [{ size, filter, negative, level }],
        ),
      );
      expect(wrong).toEqual([]);
    },
  );

  it("has a golden picture of every name, and of nothing else", () => {
    expect(new Set(golden.map(({ operation }) => operation))).toEqual(new Set(Object.keys(LEVELS)));
    expect(Object.keys(OPERATIONS).filter((name) => isGeometric(name as keyof typeof OPERATIONS))).toEqual([
      "Rotate",
      "ShearX",
      "ShearY",
      "TranslateXRel",
      "TranslateYRel",
    ]);
  });

  it.each(Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[])(
    "changes nothing but the picture's bytes: %s",
    (name) => {
      const bytes = new Uint8Array(20 + 33 * 21 * 3).fill(7);
      const data = bytes.subarray(10, 10 + 33 * 21 * 3);
      data.set(pattern(33, 21).data);
      OPERATIONS[name]({ width: 33, height: 21, data }, 3, { filter: "bilinear", fill: FILL });
      expect(data).not.toEqual(pattern(33, 21).data);
      expect(new Set([...bytes.subarray(0, 10), ...bytes.subarray(-10)])).toEqual(new Set([7]));
    },
  );
});
