import { readFile } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import sharp, { type Sharp } from "sharp";
import { DataError, reason } from "../errors.js";
import { MAX_PIXELS, type Picture, type Size } from "../pixels/index.js";
import { bmpHeader, decodeBmp } from "./bmp.js";
import { opaqueGif, paintAround } from "./gif.js";
import { jpegFrame } from "./jpeg.js";
import { decodePnm, isPnm, type PnmHeader, pnmHeader } from "./pnm.js";

// sharp keeps decoded files for later calls; here every file is read once an epoch, and kept by whoever wants it.
sharp.cache(false);

export interface DecodeOptions {
  /** What messages call the picture; its path unless given. */
  readonly name?: string;
  /** Most pixels (width times height) that are decoded; `MAX_PIXELS` unless given. */
  readonly maxPixels?: number;
  /** Whether the picture is turned as its EXIF block says; false unless given. */
  readonly exifOrientation?: boolean;
}

/** What is decoded, for messages. */
export const PICTURE_FORMATS = "JPEG, PNG, WebP, GIF, TIFF, BMP or PNM";

/**
 * Decodes a JPEG, PNG, WebP, GIF, TIFF, BMP or PNM (PBM, PGM or PPM, binary or text) to RGB, byte for byte as Pillow's
 * `Image.open(file).convert("RGB")`: grey is repeated, alpha dropped (not blended), CMYK multiplied out, colour profile and (unless
 * asked for) orientation ignored, of an animation the first picture taken, of 16-bit colour the high byte. 16-bit grey without alpha
 * ends at 255, as there: all but its darkest values are white.
 * @param source - path or bytes
 * @throws {DataError} where it is missing, empty, of another format, truncated, or of more than `maxPixels` pixels
 */
export async function decodePicture(source: string | Uint8Array, options: DecodeOptions = {}): Promise<Picture> {
  const { name = typeof source === "string" ? source : "picture", maxPixels = MAX_PIXELS } = options;
  const bytes = typeof source === "string" ? await read(source, name) : source;
  if (bytes.length === 0) throw new DataError(`picture "${name}" is an empty file; restore or remove it.`);
  const format = formatOf(bytes);
  if (format === null) throw unknownFormat(name);
  if (format === "bmp" || format === "pnm") return decodeSimple(bytes, format, { name, maxPixels });
  const gif = format === "gif" ? opaqueGif(bytes) : null;
  // Pillow turns TIFFs by itself.
  const autoOrient = options.exifOrientation === true || format === "tiff";
  // Of a TIFF that is cut short libvips makes noise otherwise.
  const failOn = format === "tiff" ? "error" : "truncated";
  const image = (limitInputPixels: number | false) =>
    sharp(gif?.bytes ?? bytes, { failOn, limitInputPixels, ignoreIcc: true, autoOrient });
  try {
    const picture = await pixelsOf(image(maxPixels), await colourOf(bytes, format, () => image(maxPixels)));
    if (gif !== null && gif.box.width * gif.box.height < picture.width * picture.height) paintAround(picture, gif);
    return picture;
  } catch (error) {
    const { width = 0, height = 0 } = await image(false)
      .metadata()
      .catch(() => ({}) as { width?: number; height?: number });
    if (width * height > maxPixels) throw tooLarge(name, { width, height }, maxPixels);
    throw damaged(name, error);
  }
}

/** Formats that libvips is not asked for. */
type SimpleFormat = "bmp" | "pnm";

function decodeSimple(
  bytes: Uint8Array,
  format: SimpleFormat,
  { name, maxPixels }: Required<Pick<DecodeOptions, "name" | "maxPixels">>,
): Picture {
  const judged = <T extends Size>(header: T): T => {
    if (header.width * header.height > maxPixels) throw tooLarge(name, header, maxPixels);
    return header;
  };
  try {
    return format === "bmp" ? decodeBmp(bytes, judged(bmpHeader(bytes))) : decodePnm(bytes, judged(pnmHeader(bytes)));
  } catch (error) {
    throw error instanceof DataError ? error : damaged(name, error);
  }
}

const sizeOf = ({ width, height }: Size): Size => ({ width, height });

/** The header of a PNM if it ends in the file's beginning: its comments may be of any length. */
function headerWithin(head: Uint8Array): PnmHeader | null {
  try {
    const header = pnmHeader(head);
    return header.pixelsAt < head.length ? header : null;
  } catch {
    return null;
  }
}

/**
 * The size that `decodePicture` would give, from the header alone: of a file no more is read.
 * @param source - path or bytes
 * @throws {DataError} where there is no header of a known format
 */
export async function pictureSize(
  source: string | Uint8Array,
  { name = typeof source === "string" ? source : "picture", exifOrientation = false }: DecodeOptions = {},
): Promise<Size> {
  const head = typeof source === "string" ? await readHead(source, name) : source;
  const format = formatOf(head);
  if (format === null) throw unknownFormat(name);
  try {
    if (format === "bmp") return sizeOf(bmpHeader(head));
    if (format === "pnm") {
      const isWhole = typeof source !== "string" || head.length < HEAD_BYTES;
      return sizeOf(isWhole ? pnmHeader(head) : (headerWithin(head) ?? pnmHeader(await read(source, name))));
    }
    const { width, height, autoOrient } = await sharp(source, { limitInputPixels: false }).metadata();
    // Pillow turns TIFFs by itself.
    return exifOrientation || format === "tiff" ? autoOrient : { width, height };
  } catch (error) {
    throw error instanceof DataError ? error : damaged(name, error);
  }
}

const unknownFormat = (name: string): DataError =>
  new DataError(`picture "${name}" is no ${PICTURE_FORMATS}, whatever its name says; convert or remove it.`);

const tooLarge = (name: string, { width, height }: Size, maxPixels: number): DataError =>
  new DataError(
    `picture "${name}" has ${width} x ${height} pixels, more than the ${maxPixels} allowed; make it smaller or remove it.`,
  );

function damaged(name: string, error: unknown): DataError {
  const detail = reason(error).replace(/^Input (buffer|file) has corrupt header:? */, "") || "corrupt header";
  return new DataError(`picture "${name}" is damaged or cut short (${detail}); restore or remove it.`);
}

/** With callbacks inside: handles that are objects of their own take longer than files of this size do. */
const readWhole = promisify(readFile);

const read = (path: string, name: string): Promise<Uint8Array> => readWhole(path).catch(unreadable(name));

/** The header of a BMP or PNM, with room for comments. */
const HEAD_BYTES = 4096;

/** Enough of a file to know its format, and the size where that is not sharp's to find. */
async function readHead(path: string, name: string): Promise<Uint8Array> {
  const file = await open(path).catch(unreadable(name));
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0).catch(unreadable(name));
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const unreadable = (name: string) => (error: unknown) => {
  throw new DataError(`picture "${name}" cannot be read: ${reason(error)}.`);
};

type Format = "jpeg" | "png" | "webp" | "gif" | "tiff" | SimpleFormat;

/** The format by its first bytes; nothing else reaches the decoder, which would also draw SVG and open PDF. */
function formatOf(bytes: Uint8Array): Format | null {
  const text = (start: number, end: number): string => String.fromCharCode(...bytes.subarray(start, end));
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "jpeg";
  if (text(0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  if (/^GIF8[79]a$/.test(text(0, 6))) return "gif";
  if (text(0, 2) === "BM") return "bmp";
  if (isPnm(bytes)) return "pnm";
  if (["II*\0", "MM\0*"].includes(text(0, 4))) return "tiff";
  return text(0, 4) === "RIFF" && text(8, 12) === "WEBP" ? "webp" : null;
}

/** What a file's samples are, as far as they need care of their own. */
type Colour = "cmyk" | "deep-grey" | "plain";

/** Reading the header apart costs a sixth of the time of a small picture; it is done where the format leaves a choice. */
async function colourOf(bytes: Uint8Array, format: Format, image: () => Sharp): Promise<Colour> {
  // Bit depth and colour type have their place in a PNG; with alpha, Pillow takes the high byte.
  if (format === "png") return bytes[24] === 16 && bytes[25] === 0 ? "deep-grey" : "plain";
  if (format !== "jpeg" && format !== "tiff") return "plain";
  const frame = format === "jpeg" ? jpegFrame(bytes) : null;
  if (frame?.precision === 8 && [1, 3, 4].includes(frame.components)) return frame.components === 4 ? "cmyk" : "plain";
  const { space, depth, channels } = await image().metadata();
  if (space === "cmyk") return "cmyk";
  if (depth !== "uchar" && depth !== "ushort") throw new Error(`samples of type ${depth} are not read`);
  return depth === "ushort" && channels === 1 ? "deep-grey" : "plain";
}

async function pixelsOf(image: Sharp, colour: Colour): Promise<Picture> {
  // Alpha goes first: a conversion of colours would blend it.
  const samples = {
    cmyk: () => image.pipelineColourspace("cmyk").toColourspace("cmyk").raw({ depth: "uchar" }),
    "deep-grey": () => image.removeAlpha().toColourspace("grey16").raw({ depth: "ushort" }),
    plain: () => image.removeAlpha().raw({ depth: "uchar" }),
  }[colour]();
  const { data, info } = await samples.toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  switch (colour) {
    case "cmyk":
      return { width, height, data: fromCmyk(data) };
    case "deep-grey":
      return { width, height, data: fromDeepGrey(new Uint16Array(data.buffer, data.byteOffset, data.length / 2)) };
    case "plain":
      // As a plain array: loops that meet Buffers too are compiled to slower code.
      return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
    default:
      return colour satisfies never;
  }
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

/** Pillow's conversion of its mode I;16. */
function fromDeepGrey(grey: Uint16Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) rgb.fill(Math.min(grey[i]!, 255), 3 * i, 3 * i + 3);
  return rgb;
}
