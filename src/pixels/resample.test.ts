import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { cut, pattern } from "../pictures.testing.js";
import type { Filter } from "./filters.js";
import { resize, resizeInto } from "./resample.js";

/** An entry of the tables of transforms.json, which make.py beside it writes. */
type Odd = Omit<Golden, "sum" | "first12">;

interface Golden {
  readonly source: [number, number];
  readonly target: [number, number];
  readonly filter: Filter;
  readonly sum: number;
  readonly crc32: number;
  readonly first12: number[];
}

// Pillow 9.4.0 on the pictures of pattern(): preprocess.json holds photographs' sizes, the table odd ones.
const golden: { resize: Golden[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/preprocess.json", import.meta.url), "utf8"),
);
const { resize: odd }: { resize: Odd[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/pillow/transforms.json", import.meta.url), "utf8"),
);
const ODD: [Filter, [number, number], [number, number], number][] = [
  ["box", [61, 47], [32, 24], 585000944],
  ["box", [61, 47], [61, 20], 707640087],
  ["box", [61, 47], [130, 47], 1649169017],
  ["box", [61, 47], [1, 1], 3375601116],
  ["box", [7, 200], [33, 5], 3417398004],
  ["box", [1, 1], [5, 3], 2005682901],
  ["box", [300, 2], [7, 9], 2419067806],
  ["box", [61, 47], [60, 48], 2949326389],
  ["bilinear", [61, 47], [61, 20], 1002390002],
  ["bilinear", [61, 47], [130, 47], 2929036202],
  ["bilinear", [61, 47], [1, 1], 3375601116],
  ["bilinear", [7, 200], [33, 5], 4096380627],
  ["bilinear", [1, 1], [5, 3], 2005682901],
  ["bilinear", [300, 2], [7, 9], 4267767330],
  ["hamming", [61, 47], [32, 24], 1112978638],
  ["hamming", [61, 47], [61, 20], 1011903311],
  ["hamming", [61, 47], [130, 47], 1649453853],
  ["hamming", [61, 47], [1, 1], 3492324509],
  ["hamming", [7, 200], [33, 5], 2189236172],
  ["hamming", [1, 1], [5, 3], 2005682901],
  ["hamming", [300, 2], [7, 9], 3511176599],
  ["hamming", [61, 47], [60, 48], 641830089],
  ["bicubic", [61, 47], [61, 20], 2210179120],
  ["bicubic", [61, 47], [130, 47], 480584195],
  ["bicubic", [61, 47], [1, 1], 3375601116],
  ["bicubic", [7, 200], [33, 5], 36108021],
  ["bicubic", [1, 1], [5, 3], 2005682901],
  ["bicubic", [300, 2], [7, 9], 1004128561],
  ["lanczos", [61, 47], [32, 24], 679343928],
  ["lanczos", [61, 47], [61, 20], 2437132798],
  ["lanczos", [61, 47], [130, 47], 3929996286],
  ["lanczos", [61, 47], [1, 1], 3375601116],
  ["lanczos", [7, 200], [33, 5], 751876343],
  ["lanczos", [1, 1], [5, 3], 2005682901],
  ["lanczos", [300, 2], [7, 9], 567491506],
  ["lanczos", [61, 47], [60, 48], 488684592],
];

describe("resize", () => {
  it.each(golden.resize)(
    "makes Pillow's bytes: $source to $target, $filter",
    ({ source, target, filter, ...bytes }) => {
      const { data } = resize(pattern(...source), ...target, filter);
      expect([...data.subarray(0, 12)]).toEqual(bytes.first12);
      expect(data.reduce((sum, byte) => sum + byte, 0)).toBe(bytes.sum);
      expect(crc32(data)).toBe(bytes.crc32);
    },
  );

  it.each(ODD)("makes Pillow's bytes: %s, %j to %j", (filter, source, target, bytes) => {
    expect(crc32(resize(pattern(...source), ...target, filter).data)).toBe(bytes);
  });

  it("makes the bytes of Pillow 12 too, of all filters and odd shapes", () => {
    expect(odd.length).toBe(120);
    const wrong = odd.filter(
      ({ source, target, filter, crc32: bytes }) => crc32(resize(pattern(...source), ...target, filter).data) !== bytes,
    );
    expect(wrong).toEqual([]);
  });

  it("copies a picture that has the size already", () => {
    const picture = pattern(9, 7);
    const same = resize(picture, 9, 7, "lanczos");
    expect(same).toEqual(picture);
    expect(same.data).not.toBe(picture.data);
  });

  it.each([
    ["width", 0, 4, "Cannot resize to a width of 0"],
    ["height", 4, 2.5, "Cannot resize to a height of 2.5"],
  ])("refuses a %s that is no length", (_, width, height, message) => {
    expect(() => resize(pattern(4, 4), width, height, "bicubic")).toThrow(RequestError);
    expect(() => resize(pattern(4, 4), width, height, "bicubic")).toThrow(message);
  });

  it("refuses a filter that it does not have", () => {
    expect(() => resize(pattern(4, 4), 2, 2, "nearest" as Filter)).toThrow(
      'Unknown interpolation "nearest"; take one of box, bilinear, hamming, bicubic, lanczos.',
    );
  });
});

describe("resizeInto", () => {
  it("makes the bytes of Pillow's crop, resize and mirror", () => {
    const box = { left: 5, top: 7, width: 40, height: 30 };
    const out = new Uint8Array(24 * 24 * 3);
    resizeInto(pattern(61, 47), { width: 24, height: 24, filter: "bicubic", box, mirror: true }, out, 0);
    expect(crc32(out)).toBe(1559578070); // Pillow 9.4.0 and 13.0.0
  });

  it.each([
    { name: "both axes shrink", width: 33, height: 21 },
    { name: "both axes grow", width: 90, height: 71 },
    { name: "only the width changes", width: 33, height: 47 },
    { name: "only the height changes", width: 61, height: 21 },
    { name: "nothing changes", width: 61, height: 47 },
  ])("crops without computing the rest: $name", ({ width, height }) => {
    const picture = pattern(61, 47);
    const crop = { left: width - 20, top: height - 13, width: 20, height: 13 };
    const whole = resize(picture, width, height, "lanczos");
    const out = new Uint8Array(20 * 13 * 3);
    resizeInto(picture, { width, height, filter: "lanczos", crop }, out, 0);
    expect(out).toEqual(cut(whole, crop).data);
  });

  it("makes a large picture in bands that fit together", () => {
    const picture = pattern(700, 1400);
    const whole = resize(picture, 600, 900, "bicubic");
    for (let top = 0; top < 900; top += 100) {
      const crop = { left: 0, top, width: 600, height: 100 };
      const strip = new Uint8Array(600 * 100 * 3);
      resizeInto(picture, { width: 600, height: 900, filter: "bicubic", crop }, strip, 0);
      expect(crc32(strip)).toBe(crc32(cut(whole, crop).data));
    }
  });

  it("writes nothing but the square at its place", () => {
    const out = new Uint8Array(400).fill(7);
    resizeInto(pattern(30, 30), { width: 4, height: 5, filter: "bilinear" }, out, 50, 30);
    const expected = new Uint8Array(400).fill(7);
    const { data } = resize(pattern(30, 30), 4, 5, "bilinear");
    for (let y = 0; y < 5; y++) expected.set(data.subarray(y * 12, y * 12 + 12), 50 + y * 30);
    expect(out).toEqual(expected);
  });

  it("takes a sliver of a picture that would be too large as a whole", () => {
    const crop = { left: 16, top: 8_000_000, width: 224, height: 224 };
    const out = new Uint8Array(224 * 224 * 3);
    const started = performance.now();
    resizeInto(pattern(1, 65_000), { width: 256, height: 16_640_000, filter: "bicubic", crop }, out, 0);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(out.some((byte) => byte > 0)).toBe(true);
  });
});
