import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import type { InputSpec } from "../models/index.js";
import { describePreprocessing, testPreprocessing } from "./preprocessing.js";

const INPUT: InputSpec = {
  resolution: 224,
  cropRatio: 0.875,
  interpolation: "bicubic",
  cropMode: "center",
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.25, 0.5],
};

describe("testPreprocessing", () => {
  it("takes each part from the options, else from the model", () => {
    const { mean, std: _, ...stated } = INPUT;
    const own = { ...stated, transform: "standard", exifOrientation: false };
    expect(testPreprocessing(INPUT)).toEqual(own);
    expect(testPreprocessing(INPUT, { resolution: 320, cropRatio: undefined })).toEqual({ ...own, resolution: 320 });
    const other = { resolution: 64, cropRatio: 1, interpolation: "bilinear", cropMode: "squash" } as const;
    expect(testPreprocessing(INPUT, other)).toEqual({ ...own, ...other });
    // Its colour is the model's mean.
    expect(testPreprocessing(INPUT, { cropMode: "border" })).toEqual({ ...own, cropMode: "border", mean });
    expect(testPreprocessing({ ...INPUT, exifOrientation: true }).exifOrientation).toBe(true);
  });

  it("takes all of the authors' transform by its name, unless an option says otherwise", () => {
    const official = { transform: "fixres-official" } as const;
    const input = { ...INPUT, cropRatio: 0.9, cropMode: "squash" } as const;
    expect(testPreprocessing(input, official)).toMatchObject({
      ...official,
      cropRatio: 0.875,
      interpolation: "bilinear",
      cropMode: "center",
    });
    expect(testPreprocessing(input, { ...official, interpolation: "bicubic" }).interpolation).toBe("bicubic");
    // A model that has it says the rest itself.
    expect(testPreprocessing({ ...INPUT, ...official }, official).interpolation).toBe("bicubic");
  });

  it.each([
    [{ resolution: 15 }, "the resolution is 15; give whole pixels from 16 to 4096, such as 224."],
    [{ resolution: 224.5 }, "the resolution is 224.5;"],
    [{ resolution: Number.NaN }, "the resolution is NaN;"],
    [{ resolution: 4097 }, "the resolution is 4097;"],
    [{ cropRatio: 0 }, "the crop ratio is 0; it must be above 0 and at most 2, such as 0.875 (224/256)."],
    [{ cropRatio: 2.1 }, "the crop ratio is 2.1;"],
    [{ cropRatio: Number.NaN }, "the crop ratio is NaN;"],
  ])("refuses %j", (options, message) => {
    expect(() => testPreprocessing(INPUT, options)).toThrow(RequestError);
    expect(() => testPreprocessing(INPUT, options)).toThrow(message);
  });

  it("refuses an interpolation that it does not know, wherever it comes from", () => {
    const attempt = (): unknown => testPreprocessing({ ...INPUT, interpolation: "area" });
    expect(attempt).toThrow(RequestError);
    expect(attempt).toThrow(/"area".*bilinear.*bicubic/);
  });
});

it("describePreprocessing names every part", () => {
  const official = testPreprocessing(INPUT, { transform: "fixres-official", exifOrientation: true });
  expect(describePreprocessing(official, INPUT)).toContain("bilinear, center, fixres-official, turned by EXIF; mean");
  expect(describePreprocessing(testPreprocessing(INPUT, { resolution: 288, cropRatio: 224 / 256.5 }), INPUT)).toBe(
    "resolution 288, crop ratio 0.8733, bicubic, center; mean 0.5 0.5 0.5, std 0.5 0.25 0.5",
  );
});
