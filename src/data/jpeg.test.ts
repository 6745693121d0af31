import sharp from "sharp";
import { expect, it } from "vitest";
import { jpegFrame } from "./jpeg.js";

const raw = { width: 20, height: 10, channels: 3 as const };
const image = sharp(new Uint8Array(600).fill(90), { raw });

it.each([
  { name: "colour", make: () => image.clone().jpeg(), components: 3 },
  { name: "progressive", make: () => image.clone().jpeg({ progressive: true }), components: 3 },
  { name: "behind EXIF and a profile", make: () => image.clone().keepMetadata().withExif({}).jpeg(), components: 3 },
  { name: "grey", make: () => image.clone().toColourspace("b-w").jpeg(), components: 1 },
  { name: "CMYK", make: () => image.clone().toColourspace("cmyk").jpeg(), components: 4 },
])("finds the components of a JPEG: $name", async ({ make, components }) => {
  expect(jpegFrame(await make().toBuffer())).toEqual({ precision: 8, components });
});

it("says that it does not know where markers are not in their places", async () => {
  const bytes = await image.clone().jpeg().toBuffer();
  expect(jpegFrame(bytes.subarray(0, 2))).toBeNull();
  expect(jpegFrame(bytes.subarray(0, 30))).toBeNull();
  expect(jpegFrame(Buffer.concat([bytes.subarray(0, 2), Buffer.alloc(3), bytes.subarray(2)]))).toBeNull();
  expect(jpegFrame(bytes.subarray(bytes.indexOf(Buffer.of(0xff, 0xda)) - 2))).toBeNull();
});
