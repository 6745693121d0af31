import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { RequestError } from "../../errors.js";
import { pattern } from "../../pictures.testing.js";
import { augmentGolden, FILL, namedStream } from "./augment.testing.js";
import { augmentation } from "./augmentation.js";

describe("augmentation", () => {
  it.each(augmentGolden().policies)("makes the bytes of timm and torchvision, given their draws: $augment", (entry) => {
    const { augment, interpolation, size, crc32: crcs } = entry;
    const options = { fill: FILL, interpolation };
    const made = crcs.map((_, i) => {
      const picture = { ...pattern(...size), data: pattern(...size).data.slice() };
      augmentation(augment, options)(picture, namedStream(`${augment} ${i}`));
      return crc32(picture.data);
    });
    expect(made.flatMap((crc, i) => (crc === crcs[i] ? [] : [i]))).toEqual([]);
  });

  it.each([
    [
      "rend-m9",
      'Unknown augmentation "rend-m9". Known are autoaugment, original, originalr, v0, v0r (also as original-mstd0.5)',
    ],
    ["autoaugment-mstd0.5", 'Unknown augmentation "autoaugment-mstd0.5".'],
    ["original-m9", '"original-m9" has the unknown section "m9"; a policy takes mstd alone, as in mstd0.5.'],
    ["rand-m9-w0", "and tweights, which took the place of w in timm."],
    [
      "rand-m9-q3",
      '"rand-m9-q3" has the unknown section "q3"; known are m, n, p, mstd, mmax and inc, each with a number',
    ],
    ["rand-t3a", 'has the unknown section "t3a"'],
    ["rand-m", '"rand-m": "m" does not end in a number;'],
    ["rand-m9.5", '"rand-m9.5": "m9.5" gives 9.5; it takes a whole number from 0 on.'],
    ["rand-n0", '"rand-n0": "n0" gives 0; it takes a whole number from 1 on.'],
    ["rand-mstd0.5x", '"mstd0.5x" does not end in a number;'],
    ["rand-p1.5", '"rand-p1.5": the probability p is 1.5; give one from 0 to 1.'],
    ["rand-n16-tweights", "n is 16, but tweights has 15 operations, each once a picture."],
  ])("refuses %s", (text, message) => {
    const make = () => augmentation(text, { fill: FILL, interpolation: "random" });
    expect(make).toThrow(RequestError);
    expect(make).toThrow(message);
  });
});
