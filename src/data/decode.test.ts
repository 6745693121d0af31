import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { encoded, folderOf, pattern } from "../pictures.testing.js";
import { type DecodeOptions, decodePicture } from "./decode.js";

interface Golden {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly crc32: number;
  readonly base64: string;
}

/** Files that Pillow wrote, and the bytes of `Image.open(file).convert("RGB")`. */
const { pictures }: { pictures: Golden[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/decode.json", import.meta.url), "utf8"),
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

  it("takes the high byte of 16-bit grey, where Pillow would saturate", async () => {
    // 3 x 1 pixels, 16-bit grey: 0x0102, 0x8000, 0xfeff.
    const file = Buffer.from(
      "iVBORw0KGgoAAAANSUhEUgAAAAMAAAABEAAAAABuG5crAAAAD0lEQVR42mNgZGpg+PcfAAUSAoGflhqmAAAAAElFTkSuQmCC",
      "base64",
    );
    expect([...(await decodePicture(file)).data]).toEqual([1, 1, 1, 128, 128, 128, 254, 254, 254]);
  });

  it.each(pictures)("refuses it cut short: $name", async ({ base64 }) => {
    const bytes = Buffer.from(base64, "base64");
    for (const part of [0.3, 0.6, 0.9]) {
      const message = await failure(bytes.subarray(0, Math.floor(bytes.length * part)), { name: "cat/7" });
      expect(message).toMatch(/^picture "cat\/7" is damaged or cut short \(.+\); restore or remove it\.$/);
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
    ["GIF", "GIF89a\u0001\u0000\u0001\u0000"],
    ["one byte", "\u0000"],
  ])("refuses what is no picture: %s", async (_, content) => {
    const directory = await folderOf({ "a.jpg": content });
    const path = join(directory, "a.jpg");
    expect(await failure(path)).toBe(
      `picture "${path}" is no JPEG, PNG or WebP, whatever its name says; convert or remove it.`,
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
