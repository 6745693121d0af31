import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { cut, pattern } from "../pictures.testing.js";
import type { Filter } from "./filters.js";
import type { Picture } from "./picture.js";
import { resize } from "./resample.js";
import { CROP_MODES, type TestPreprocessing, testTransform } from "./test-transform.js";

/** An entry of transforms.json, by make.py beside it. */
interface Tested extends TestPreprocessing {
  readonly source: [number, number];
  readonly crc32: number;
}
type Official = Pick<Tested, "source" | "resolution" | "crc32">;

interface Golden {
  readonly source: [number, number];
  readonly filter: Filter;
  readonly resolution: number;
  readonly resize_shorter_side: number;
  readonly crc32: number;
}

// Pillow 9.4.0 and torchvision 0.14.1 on the pictures of pattern().
const golden: { eval: Golden[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/preprocess.json", import.meta.url), "utf8"),
);

const preprocessing: TestPreprocessing = {
  resolution: 32,
  cropRatio: 0.875,
  interpolation: "bicubic",
  cropMode: "center",
  mean: [0, 0, 0],
};

function transformed(picture: Picture, options: Partial<TestPreprocessing>): Picture {
  const transform = testTransform({ ...preprocessing, ...options });
  const { resolution } = transform;
  // What was there before must not show through where the picture ends.
  const data = new Uint8Array(resolution * resolution * 3).fill(99);
  transform.apply(picture, data, 0);
  return { width: resolution, height: resolution, data };
}

describe("center", () => {
  it.each(golden.eval)("makes torchvision's bytes: $source at $resolution, $filter", (entry) => {
    const { source, filter: interpolation, resolution, resize_shorter_side } = entry;
    const cropRatio = 224 / 256;
    expect(Math.trunc(resolution / cropRatio)).toBe(resize_shorter_side);
    const { data } = transformed(pattern(...source), { resolution, cropRatio, interpolation });
    expect(crc32(data)).toBe(entry.crc32);
  });

  it.each([
    { half: 0.5, height: 42, resized: 33, top: 0 },
    { half: 1.5, height: 44, resized: 35, top: 2 },
  ])("puts a corner at $half to the even neighbour, as Python rounds", ({ height, resized, top }) => {
    const whole = resize(pattern(40, height), 32, resized, "bicubic");
    expect(transformed(pattern(40, height), { cropRatio: 1 }).data).toEqual(
      cut(whole, { left: 0, top, width: 32, height: 32 }).data,
    );
  });

  it("puts black around a picture that is smaller than the crop", () => {
    // 61 x 47 becomes 27 x 21; torchvision puts the smaller half of an odd border first.
    const whole = resize(pattern(61, 47), 27, 21, "bicubic");
    expect(transformed(pattern(61, 47), { cropRatio: 1.5 }).data).toEqual(
      cut(whole, { left: -2, top: -5, width: 32, height: 32 }).data,
    );
  });

  it("takes the thinnest picture", () => {
    expect(transformed(pattern(1, 9000), {}).data.some((byte) => byte > 0)).toBe(true);
  });
});

describe("squash", () => {
  it("resizes both sides to int(R / c), whatever the shape, and crops the centre", () => {
    const whole = resize(pattern(61, 47), 36, 36, "bicubic");
    expect(transformed(pattern(61, 47), { cropMode: "squash" }).data).toEqual(
      cut(whole, { left: 2, top: 2, width: 32, height: 32 }).data,
    );
  });

  it("loses nothing where the crop ratio is 1", () => {
    const expected = resize(pattern(61, 47), 32, 32, "bicubic").data;
    expect(transformed(pattern(61, 47), { cropMode: "squash", cropRatio: 1 }).data).toEqual(expected);
  });
});

describe("border", () => {
  it("fits the longer side and fills with the mean colour, here black", () => {
    // The longer side becomes 36, of which the middle 32 are kept; the shorter one 47 / 61 * 36 = 27.7, so 28.
    const whole = resize(pattern(61, 47), 36, 28, "bicubic");
    expect(transformed(pattern(61, 47), { cropMode: "border" }).data).toEqual(
      cut(whole, { left: 2, top: -2, width: 32, height: 32 }).data,
    );
  });

  it("rounds halves to even", () => {
    // 20 x 5 at 30: the shorter side is 7.5, so 8; 20 x 3 at 30 gives 4.5, so 4.
    const size = { resolution: 30, cropRatio: 1, cropMode: "border" } as const;
    for (const [height, rounded] of [
      [5, 8],
      [3, 4],
    ] as const) {
      const whole = resize(pattern(20, height), 30, rounded, "bicubic");
      expect(transformed(pattern(20, height), size).data).toEqual(
        cut(whole, { left: 0, top: -(30 - rounded) / 2, width: 30, height: 30 }).data,
      );
    }
  });

  it("leaves a line of a very long picture", () => {
    const { data } = transformed(pattern(9000, 3), { cropMode: "border" });
    expect(data.filter((byte) => byte > 0).length).toBeLessThanOrEqual(32 * 3);
    expect(data.some((byte) => byte > 0)).toBe(true);
  });
});

describe("testTransform", () => {
  it("writes nothing but its square", () => {
    const transform = testTransform({ ...preprocessing, resolution: 4, cropRatio: 1.5 });
    const out = new Uint8Array(100).fill(7);
    transform.apply(pattern(9, 7), out, 26);
    expect(out.subarray(0, 26).every((byte) => byte === 7)).toBe(true);
    expect(out.subarray(26 + 48).every((byte) => byte === 7)).toBe(true);
    expect(out.subarray(26, 26 + 48).some((byte) => byte !== 7)).toBe(true);
    expect(transform.deterministic).toBe(true);
  });

  it.each<[string, Partial<TestPreprocessing>, string]>([
    ["a resolution of 0", { resolution: 0 }, "the resolution is 0; give a whole number of pixels"],
    ["a broken resolution", { resolution: 22.4 }, "the resolution is 22.4;"],
    ["a crop ratio of 0", { cropRatio: 0 }, "the crop ratio is 0; it must be above 0"],
    ["a crop ratio that is no number", { cropRatio: Number.NaN }, "the crop ratio is NaN;"],
    ["a crop ratio beyond the resolution", { cropRatio: 33 }, "the crop ratio is 33;"],
    ["an unknown filter", { interpolation: "nearest" }, 'Unknown interpolation "nearest"'],
    [
      "an unknown crop mode",
      { cropMode: "fit" as "center" },
      'the crop mode is "fit"; give one of center, squash, border.',
    ],
    [
      "an unknown transform",
      { transform: "official" as "standard" },
      'the transform is "official"; give one of standard, fixres-official.',
    ],
    [
      "a crop mode that the authors do not have",
      { transform: "fixres-official", cropMode: "squash" },
      'the transform fixres-official has no crop mode "squash";',
    ],
    ["a border without a colour", { cropMode: "border", mean: undefined }, "but the mean is not given; give three"],
    [
      "a border of no colour",
      { cropMode: "border", mean: [0.5, 0.5, 128] },
      "but the mean is 0.5, 0.5, 128; give three",
    ],
  ])("refuses %s", (_, options, message) => {
    expect(() => testTransform({ ...preprocessing, ...options })).toThrow(RequestError);
    expect(() => testTransform({ ...preprocessing, ...options })).toThrow(message);
  });
});

describe("timm's and the authors' own", () => {
  const { test, official }: { test: Tested[]; official: Official[] } = JSON.parse(
    readFileSync(new URL("../../test/golden/pillow/transforms.json", import.meta.url), "utf8"),
  );

  it.each(CROP_MODES)("makes timm's bytes of all filters: %s", (mode) => {
    const entries = test.filter(({ cropMode }) => cropMode === mode);
    expect(entries.length).toBe(90);
    const wrong = entries.filter((entry) => crc32(transformed(pattern(...entry.source), entry).data) !== entry.crc32);
    expect(wrong).toEqual([]);
  });

  it("sets the height as the authors do", () => {
    expect(official.length).toBe(48);
    const same = { cropRatio: 224 / 256, interpolation: "bilinear", transform: "fixres-official" } as const;
    const wrong = official.filter(
      ({ source, resolution, crc32: bytes }) =>
        crc32(transformed(pattern(...source), { ...same, resolution }).data) !== bytes,
    );
    expect(wrong).toEqual([]);
  });
});
