import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { DataError, reason } from "../errors.js";
import type { Picture } from "./picture.js";

/** Pictures of more pixels are refused before they are decoded: Pillow's limit, twice of which it refuses too. */
export const MAX_PIXELS = 178_956_970;

// sharp keeps decoded files for later calls; here every file is read once an epoch, and kept by whoever wants it.
sharp.cache(false);

/**
 * Decodes a JPEG, PNG or WebP to RGB as Pillow's `convert("RGB")` does: grey is repeated, alpha dropped (not blended),
 * orientation and colour profile ignored.
 * @param source - path or bytes  @param name - what messages call it; the path unless given
 * @throws {DataError} where it is unreadable, truncated, or of more than `maxPixels`
 */
export async function decodePicture(
  source: string | Uint8Array,
  {
    name = typeof source === "string" ? source : "picture",
    maxPixels = MAX_PIXELS,
  }: { name?: string; maxPixels?: number } = {},
): Promise<Picture> {
  let bytes: Uint8Array;
  try {
    bytes = typeof source === "string" ? await readFile(source) : source;
  } catch (error) {
    throw new DataError(`picture "${name}" cannot be read: ${reason(error)}.`);
  }
  if (bytes.length === 0) throw new DataError(`picture "${name}" is empty.`);
  try {
    const image = sharp(bytes, { failOn: "truncated", limitInputPixels: false, autoOrient: false });
    const { width, height, space, channels } = await image.metadata();
    if (width * height > maxPixels) {
      throw new DataError(
        `picture "${name}" has ${width} x ${height} pixels, more than the ${maxPixels} allowed; it may be a decompression bomb.`,
      );
    }
    // Without alpha first: converting colours would blend it. libvips must not apply the embedded profile either.
    const plain = channels === 2 || channels === 4 ? image.removeAlpha() : image;
    const rgb = space === "srgb" ? plain : plain.toColourspace("srgb");
    const { data, info } = await rgb.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: threeChannels(data, info.channels) };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`picture "${name}" cannot be decoded: ${reason(error)}.`);
  }
}

/** Grey repeated to three channels; a fourth left out. */
function threeChannels(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const out = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) out[i * 3 + c] = data[i * channels + (channels < 3 ? 0 : c)]!;
  }
  return out;
}
