import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { DataError, reason } from "../errors.js";
import { MAX_PIXELS, type Picture } from "../pixels/index.js";

// sharp keeps decoded files for later calls; here every file is read once an epoch, and kept by whoever wants it.
sharp.cache(false);

export interface DecodeOptions {
  /** What messages call the picture; its path unless given. */
  readonly name?: string;
  /** Most pixels (width times height) that are decoded; `MAX_PIXELS` unless given. */
  readonly maxPixels?: number;
}

/**
 * Decodes a JPEG, PNG or WebP to RGB, byte for byte as Pillow's `Image.open(file).convert("RGB")`: grey is repeated,
 * alpha dropped (not blended), CMYK multiplied out, orientation and colour profile ignored. One thing differs: of
 * 16-bit grey the high byte is taken, as of 16-bit RGB, where Pillow turns all but the darkest 255 values white.
 * @param source - path or bytes
 * @throws {DataError} where it is missing, empty, of another format, truncated, or of more than `maxPixels` pixels
 */
export async function decodePicture(
  source: string | Uint8Array,
  { name = typeof source === "string" ? source : "picture", maxPixels = MAX_PIXELS }: DecodeOptions = {},
): Promise<Picture> {
  const bytes = typeof source === "string" ? await read(source, name) : source;
  if (bytes.length === 0) throw new DataError(`picture "${name}" is an empty file; restore or remove it.`);
  const format = formatOf(bytes);
  if (format === null) {
    throw new DataError(`picture "${name}" is no JPEG, PNG or WebP, whatever its name says; convert or remove it.`);
  }
  const open = (limitInputPixels: number | false) =>
    sharp(bytes, { failOn: "truncated", limitInputPixels, ignoreIcc: true, autoOrient: false });
  try {
    const image = open(maxPixels);
    // Reading the header apart costs a sixth of the time of a small picture; only a JPEG can be CMYK.
    const cmyk = format === "jpeg" && (await image.metadata()).space === "cmyk";
    // Alpha goes first: a conversion of colours would blend it.
    const plain = cmyk ? image.pipelineColourspace("cmyk").toColourspace("cmyk") : image.removeAlpha();
    const { data, info } = await plain.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    // As a plain array: loops that meet Buffers too are compiled to slower code.
    const samples = new Uint8Array(data.buffer, data.byteOffset, data.length);
    return { width: info.width, height: info.height, data: cmyk ? fromCmyk(samples) : samples };
  } catch (error) {
    const { width = 0, height = 0 } = await open(false)
      .metadata()
      .catch(() => ({}) as { width?: number; height?: number });
    if (width * height > maxPixels) {
      throw new DataError(
        `picture "${name}" has ${width} x ${height} pixels, more than the ${maxPixels} allowed; make it smaller or remove it.`,
      );
    }
    const detail = reason(error).replace(/^Input buffer has corrupt header:? */, "") || "corrupt header";
    throw new DataError(`picture "${name}" is damaged or cut short (${detail}); restore or remove it.`);
  }
}

async function read(path: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new DataError(`picture "${name}" cannot be read: ${reason(error)}.`);
  }
}

/** The format by its first bytes; nothing else reaches the decoder, which would also draw SVG and open PDF. */
function formatOf(bytes: Uint8Array): "jpeg" | "png" | "webp" | null {
  const text = (start: number, end: number): string => String.fromCharCode(...bytes.subarray(start, end));
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "jpeg";
  if (text(0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  return text(0, 4) === "RIFF" && text(8, 12) === "WEBP" ? "webp" : null;
}

/** Pillow's conversion: what the ink leaves of the white that the key leaves; 8-bit products rounded. */
function fromCmyk(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let i = 0, out = 0; i < cmyk.length; i += 4) {
    const white = 255 - cmyk[i + 3]!;
    for (let c = 0; c < 3; c++) rgb[out++] = white - Math.round((cmyk[i + c]! * white) / 255);
  }
  return rgb;
}
