import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { cut, pattern } from "../pictures.testing.js";
import { type Random, random } from "../random.js";
import { resize } from "./resample.js";
import { type TestPlusOptions, testPlusTransform } from "./test-plus-transform.js";
import { type TestPreprocessing, testTransform } from "./test-transform.js";

/** An entry of jitter.json, which make_jitter.py beside it writes. */
interface Golden extends Pick<TestPreprocessing, "resolution" | "interpolation" | "transform"> {
  readonly source: [number, number];
  readonly drawn: Drawn;
  readonly crc32: number;
}

interface Drawn {
  readonly flip: boolean;
  readonly order: readonly number[];
  /** Shares of each factor's range. */
  readonly factors: readonly number[];
  readonly shift: number;
  readonly right: boolean;
}

const { testPlus: golden }: { testPlus: Golden[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/pillow/jitter.json", import.meta.url), "utf8"),
);

/** A stream that draws just this. */
function drawing({ flip, order, factors, shift, right }: Drawn): Random {
  const uniforms = [flip ? 0 : 0.999, ...factors];
  const integers = [shift, right ? 0 : 1];
  return {
    uniform: () => uniforms.shift()!,
    integer: () => integers.shift()!,
    normal: () => 0,
    shuffle: (array) => Object.assign(array, order),
  };
}

const preprocessing: TestPreprocessing = {
  resolution: 32,
  cropRatio: 224 / 256,
  interpolation: "bicubic",
  cropMode: "center",
  mean: [0.5, 0, 0],
};
const still: TestPlusOptions = { flip: 0, jitter: {} };

function transformed(
  source: readonly [number, number],
  stream: Random,
  given: Partial<TestPreprocessing> = {},
  options?: TestPlusOptions,
): Uint8Array {
  const transform = testPlusTransform({ ...preprocessing, ...given }, options);
  // What was there before must not show through where the picture ends.
  const data = new Uint8Array(transform.resolution ** 2 * 3).fill(99);
  transform.apply(pattern(...source), data, 0, stream);
  return data;
}

describe("testPlusTransform", () => {
  it("makes the bytes of Pillow and torchvision for what is drawn", () => {
    expect(golden.length).toBe(72);
    const wrong = golden.filter(
      ({ source, drawn, crc32: bytes, ...given }) => crc32(transformed(source, drawing(drawn), given)) !== bytes,
    );
    expect(wrong).toEqual([]);
  });

  it("is the test transform where nothing is drawn", () => {
    const nothing = { flip: false, order: [0, 1, 2, 3], factors: [0.5, 0.5, 0.5], shift: 0, right: true };
    for (const cropMode of ["center", "squash", "border"] as const) {
      for (const source of [
        [61, 47],
        [47, 61],
        [5, 90],
      ] satisfies [number, number][]) {
        const expected = new Uint8Array(32 * 32 * 3);
        testTransform({ ...preprocessing, cropMode }).apply(pattern(...source), expected, 0);
        expect(transformed(source, drawing(nothing), { cropMode }), `${cropMode} ${source}`).toEqual(expected);
      }
    }
  });

  it("shifts along all of the width, the middle twice as often as any other place, and never along the height", () => {
    // 61 x 47 becomes 46 x 36: the crop's left edge is 7 in the middle, and lies from 0 to 14.
    const whole = resize(pattern(61, 47), 46, 36, "bicubic");
    const places = new Map(
      Array.from({ length: 15 }, (_, left) => [crc32(cut(whole, { left, top: 2, width: 32, height: 32 }).data), left]),
    );
    const counts = new Int32Array(15);
    for (let i = 0; i < 3200; i++) counts[places.get(crc32(transformed([61, 47], random(1, i), {}, still)))!]!++;
    // 400 in the middle, give or take 19; 200 elsewhere, give or take 14.
    expect(Math.abs(counts[7]! - 400)).toBeLessThan(70);
    expect(counts.reduce((a, b) => a + b)).toBe(3200);
    counts[7] = 200;
    expect(Math.max(...counts.map((count) => Math.abs(count - 200)))).toBeLessThan(55);
  });

  it("ends at the edge where the authors' crop would go beyond it", () => {
    // A square becomes 36 x 36, of which 33 are kept: of the 3 free columns Python's round puts 2 to the left.
    const farthest = { flip: false, order: [0, 1, 2, 3], factors: [], shift: 2, right: true };
    const whole = resize(pattern(46, 46), 36, 36, "bicubic");
    const given = { resolution: 33, cropRatio: 33 / 36 };
    expect(transformed([46, 46], drawing(farthest), given, still)).toEqual(
      cut(whole, { left: 3, top: 2, width: 33, height: 33 }).data,
    );
  });

  it("jitters of a very long strip the crop alone, which is the same where contrast stays", () => {
    const jitter = { brightness: 0.5, saturation: 0.5 };
    for (const flip of [true, false]) {
      const drawn = { flip, order: [2, 0, 1, 3], factors: [0.2, 0.9], shift: 3, right: true };
      // 1 x 30,000 becomes 36 x 1,080,000 pixels, more than are resized whole; of 900 rows all are.
      for (const height of [30_000, 900]) {
        const strip = { width: 1, height, data: new Uint8Array(height * 3).fill(100) };
        const out = new Uint8Array(32 * 32 * 3);
        testPlusTransform(preprocessing, { jitter }).apply(strip, out, 0, drawing(drawn));
        expect(new Set(out).size).toBe(1);
      }
    }
    const wide = pattern(9000, 1);
    const at = (flip: boolean): Uint8Array => {
      const out = new Uint8Array(32 * 32 * 3);
      const drawn = { flip, order: [0, 1, 2, 3], factors: [], shift: 10_000, right: flip };
      testPlusTransform({ ...preprocessing, resolution: 32 }, { jitter: {} }).apply(
        { width: 30_000, height: 1, data: new Uint8Array(90_000).map((_, i) => wide.data[i % 27_000]!) },
        out,
        0,
        drawing(drawn),
      );
      return out;
    };
    // Mirrored and shifted the other way it is the same place, seen from behind.
    const [plain, mirrored] = [at(false), at(true)];
    for (let x = 0; x < 32; x++)
      expect(mirrored.subarray(x * 3, x * 3 + 3)).toEqual(plain.subarray((31 - x) * 3, (32 - x) * 3));
  });

  it("is a function of the stream", () => {
    const drawn = (epoch: number, index: number) => transformed([61, 47], random(3, "sample", epoch, index));
    expect(drawn(0, 1)).toEqual(drawn(0, 1));
    expect(drawn(0, 1)).not.toEqual(drawn(1, 1));
    const transform = testPlusTransform({ ...preprocessing, exifOrientation: true });
    expect(transform).toMatchObject({ deterministic: false, exifOrientation: true, resolution: 32 });
  });

  it.each<[Partial<TestPreprocessing>, TestPlusOptions, string]>([
    [{ resolution: 0 }, {}, "the resolution is 0;"],
    [{ cropRatio: 0 }, {}, "the crop ratio is 0;"],
    [{ interpolation: "nearest" }, {}, 'Unknown interpolation "nearest"'],
    [{}, { flip: 2 }, "the flip probability is 2; give one from 0 to 1."],
    [{}, { jitter: { hue: 1 } }, "the colour jitter of hue is 1;"],
  ])("refuses %j %j", (given, options, message) => {
    expect(() => testPlusTransform({ ...preprocessing, ...given }, options)).toThrow(RequestError);
    expect(() => testPlusTransform({ ...preprocessing, ...given }, options)).toThrow(message);
  });
});
