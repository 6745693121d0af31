import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DataError } from "../errors.js";
import { encoded, folderOf, pattern } from "../pictures.testing.js";
import { decodePicture, openFolder, pictureSize, pictureSizes } from "./index.js";

const { pictures }: { pictures: { name: string; base64: string }[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/pillow/decode.json", import.meta.url), "utf8"),
);

it.each(pictures)("a header tells the size that decoding gives: $name", async ({ base64 }) => {
  const file = Buffer.from(base64, "base64");
  for (const exifOrientation of [false, true]) {
    const { width, height } = await decodePicture(file, { exifOrientation });
    expect(await pictureSize(file, { exifOrientation })).toEqual({ width, height });
  }
});

it("sizes come in the source's order, and a picture without one as the reason why", async () => {
  const folder = await folderOf({
    "a/1.png": await encoded(pattern(13, 9)),
    "a/2.jpg": (await encoded(pattern(61, 47), "jpeg")).subarray(0, 700),
    "a/3.png": "no picture",
    "b/4.webp": await encoded(pattern(40, 30), "webp"),
  });
  const found: unknown[] = [];
  for await (const size of pictureSizes(await openFolder(folder))) found.push(size);
  // A picture that is cut short behind its header has a size all the same.
  expect(found).toEqual([
    { width: 13, height: 9 },
    { width: 61, height: 47 },
    expect.any(DataError),
    { width: 40, height: 30 },
  ]);
  expect((found[2] as DataError).message).toBe(
    `picture "${join(folder, "a", "3.png")}" is no JPEG, PNG, WebP, GIF, TIFF, BMP or PNM, whatever its name says; convert or remove it.`,
  );
  await expect(pictureSize(join(folder, "nowhere.jpg"))).rejects.toThrow(/nowhere.jpg" cannot be read: no such file/);
  await expect(pictureSize(Uint8Array.of(0xff, 0xd8, 1, 2))).rejects.toThrow(/is damaged or cut short/);
});
