import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { encoded, folderOf, pattern } from "../pictures.testing.js";
import { type DecodeOptions, decodePicture } from "./decode.js";

interface Decoded {
  readonly width: number;
  readonly height: number;
  readonly crc32: number;
}
interface Golden extends Decoded {
  readonly name: string;
  /** By `ImageOps.exif_transpose`, where that changes anything. */
  readonly turned?: Decoded;
  readonly base64: string;
}

/** Files that Pillow wrote, and the bytes of `Image.open(file).convert("RGB")`. */
const { pictures }: { pictures: Golden[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/pillow/decode.json", import.meta.url), "utf8"),
);

async function failure(source: string | Uint8Array, options?: DecodeOptions): Promise<string> {
  const error = await decodePicture(source, options).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DataError);
  return (error as DataError).message;
}

describe("decodePicture", () => {
  it.each(pictures)("makes Pillow's bytes: $name", async ({ width, height, base64, crc32: bytes }) => {
    const picture = await decodePicture(Buffer.from(base64, "base64"));
    expect([picture.width, picture.height, picture.data.length]).toEqual([width, height, width * height * 3]);
    expect(crc32(picture.data)).toBe(bytes);
  });

  it("reads the same from a path", async () => {
    const picture = pattern(13, 9);
    const directory = await folderOf({ "a.png": await encoded(picture) });
    expect(await decodePicture(join(directory, "a.png"))).toEqual(picture);
  });

  it.each(pictures)("turns it as its EXIF block says, when told: $name", async ({ base64, turned, ...plain }) => {
    const { width, height, data } = await decodePicture(Buffer.from(base64, "base64"), { exifOrientation: true });
    const { width: w, height: h, crc32: bytes } = turned ?? plain;
    expect([width, height, crc32(data)]).toEqual([w, h, bytes]);
  });

  it.each(pictures)("refuses it cut short, or gives all of it: $name", async ({ name, base64, crc32: whole }) => {
    const bytes = Buffer.from(base64, "base64");
    for (const part of [0.3, 0.6, 0.9]) {
      const start = bytes.subarray(0, Math.floor(bytes.length * part));
      // Pictures behind the first may be missing, and the mark of the end.
      const spare = /^APNG|animated|several/.test(name) ? part > 0.5 : /^PNG, [24] bits/.test(name) && part > 0.8;
      const found = await decodePicture(start, { name: "cat/7" }).catch((error: DataError) => error);
      if (spare && !(found instanceof Error)) expect(crc32(found.data)).toBe(whole);
      else
        expect(found).toMatchObject({
          name: "DataError",
          message: expect.stringMatching(/^picture "cat\/7" is damaged or cut short \(.+\); restore or remove it\.$/),
        });
    }
  });

  it("refuses a PNG whose check sum is wrong", async () => {
    const bytes = await encoded(pattern(20, 14));
    bytes[60]! ^= 0xff;
    expect(await failure(bytes)).toContain('picture "picture" is damaged');
  });

  it.each([
    ["text", "not a picture"],
    ["SVG, which sharp would draw", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'],
    ["a float map, which Pillow reads", "Pf 1 1 1 abcd"],
    ["one byte", "\u0000"],
  ])("refuses what is no picture: %s", async (_, content) => {
    const directory = await folderOf({ "a.jpg": content });
    const path = join(directory, "a.jpg");
    expect(await failure(path)).toBe(
      `picture "${path}" is no JPEG, PNG, WebP, GIF, TIFF, BMP or PNM, whatever its name says; convert or remove it.`,
    );
  });

  it("refuses an empty file, a missing one and a folder", async () => {
    const directory = await folderOf({ "a.jpg": "" });
    expect(await failure(join(directory, "a.jpg"))).toContain('a.jpg" is an empty file; restore or remove it.');
    expect(await failure(join(directory, "b.jpg"))).toContain('b.jpg" cannot be read: no such file or directory.');
    expect(await failure(directory)).toContain("cannot be read: illegal operation on a directory.");
  });

  it("refuses by the header's pixel count, before decoding", async () => {
    const bytes = await encoded(pattern(20, 14));
    // The header alone says 30,000 x 30,000; pixels of that size are not there to be decoded.
    bytes.writeUInt32BE(30_000, 16);
    bytes.writeUInt32BE(30_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    expect(await failure(bytes, { name: "bomb.png" })).toBe(
      'picture "bomb.png" has 30000 x 30000 pixels, more than the 178956970 allowed; make it smaller or remove it.',
    );
  });

  it.each(["png", "jpeg", "webp"] as const)("allows just as many pixels as it is told: %s", async (format) => {
    const bytes = await encoded(pattern(20, 14), format);
    expect((await decodePicture(bytes, { maxPixels: 280 })).width).toBe(20);
    expect(await failure(bytes, { maxPixels: 279 })).toContain("has 20 x 14 pixels, more than the 279 allowed");
  });
});
