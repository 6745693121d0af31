import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { encoded, pattern } from "../pictures.testing.js";
import { random } from "../random.js";
import { readHeader } from "./header.js";

const raw = (width: number, height: number, channels: 3 | 4 = 3) =>
  sharp(Buffer.alloc(width * height * channels, 99), { raw: { width, height, channels } });

describe("readHeader", () => {
  it.each([
    ["JPEG", "image/jpeg", raw(67, 45).jpeg()],
    ["progressive JPEG", "image/jpeg", raw(67, 45).jpeg({ progressive: true })],
    ["PNG", "image/png", raw(67, 45).png()],
    ["lossy WebP", "image/webp", raw(67, 45).webp()],
    ["lossless WebP", "image/webp", raw(67, 45).webp({ lossless: true })],
    ["WebP with alpha", "image/webp", raw(67, 45, 4).webp()],
  ])("reads the size of a %s", async (_what, type, picture) => {
    expect(readHeader(await picture.toBuffer(), "p")).toEqual({ type, width: 67, height: 45, exif: [] });
  });

  it.each(["jpeg", "png", "webp"] as const)("finds the Exif block of a %s, and the size as stored", async (format) => {
    const bytes = await raw(67, 45).withMetadata({ orientation: 6 }).toFormat(format).toBuffer();
    const { width, height, exif } = readHeader(bytes, "p");
    expect([width, height]).toEqual([67, 45]);
    expect(exif.map((at) => bytes.toString("latin1", at, at + 4).toLowerCase())).toEqual(["exif"]);
  });

  it("refuses what is empty or of another format", () => {
    expect(() => readHeader(new Uint8Array(), "a.png")).toThrow(
      'picture "a.png" is an empty file; restore or remove it.',
    );
    expect(() => readHeader(new TextEncoder().encode("<svg/>"), "a.png")).toThrow(
      'picture "a.png" is no JPEG, PNG or WebP, whatever its name says; convert or remove it.',
    );
  });

  it.each(["jpeg", "png", "webp"] as const)("refuses a %s cut short anywhere", async (format) => {
    const bytes = await encoded(pattern(30, 20), format);
    for (let length = 1; length < bytes.length; length++) {
      expect(() => readHeader(bytes.subarray(0, length), "p"), `${length}`).toThrow(DataError);
    }
  });

  it("steps over what lies between the segments of a JPEG", async () => {
    const bytes = await encoded(pattern(30, 20), "jpeg");
    const [start, rest] = [bytes.subarray(0, 20), bytes.subarray(20)];
    for (const between of [[1, 2, 3], [0xff], [0xff, 0, 7]]) {
      const { width, height } = readHeader(Buffer.concat([start, Buffer.from(between), rest]), "p");
      expect([width, height]).toEqual([30, 20]);
    }
  });

  it("ends on bytes changed at random, with a size or a DataError", async () => {
    const stream = random(0, "header");
    for (const format of ["jpeg", "png", "webp"] as const) {
      const file = await encoded(pattern(30, 20), format);
      for (let i = 0; i < 2000; i++) {
        const bytes = file.slice();
        for (let n = stream.integer(4); n >= 0; n--)
          bytes[stream.integer(Math.min(bytes.length, 200))] = stream.integer(256);
        try {
          const { width, height } = readHeader(bytes, "p");
          expect(width * height).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }
    }
  });
});
