import { DataError, FixresError, reason } from "../errors.js";
import type { Picture } from "../pixels/index.js";
import { fetchBytes } from "./fetch.js";
import { readHeader } from "./header.js";
import { readStraight } from "./straight.js";

/** Whatever a browser can show: a file or its address, an element, a bitmap, or pixels. */
export type PictureSource = string | URL | Blob | ImageData | CanvasImageSource;

// Colour profiles and alpha are left alone, as in Node. Browsers take "none" for "from-image", so files lose their Exif blocks.
const AS_STORED: ImageBitmapOptions = { premultiplyAlpha: "none", colorSpaceConversion: "none" };

/** Canvases have a largest size, pictures have not: side of the square that is read at once, px. */
const TILE = 2048;

/**
 * The picture's RGB bytes. Files give what Node's `decodePicture` gives: alpha dropped (not blended), orientation and colour profile
 * ignored; elements give what they show.
 * @param exifOrientation - whether files are turned as their EXIF block says
 * @param maxPixels - of more pixels (width times height), a picture is refused; a file before it is decoded
 * @throws {DataError} where it cannot be fetched, is no picture, is damaged, too large, or not readable for this page
 */
export async function readPicture(source: PictureSource, maxPixels: number, exifOrientation = false): Promise<Picture> {
  if (typeof source === "string" || source instanceof URL) {
    const url = String(source);
    // An address can hold the whole picture.
    const name = url.length > 100 ? `${url.slice(0, 97)}...` : url;
    return decoded(await fetchBytes(url, `picture "${name}"`), name, maxPixels, exifOrientation);
  }
  if (source instanceof Blob)
    return decoded(new Uint8Array(await source.arrayBuffer()), nameOf(source), maxPixels, exifOrientation);
  if (source instanceof ImageData) {
    const { width, height, data } = source;
    checkSize({ width, height }, "picture", maxPixels);
    const rgb = new Uint8Array(width * height * 3);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    copyColours(bytes, width, { width, height, data: rgb }, { left: 0, top: 0 });
    return { width, height, data: rgb };
  }
  return shown(source, maxPixels);
}

const nameOf = (blob: Blob): string => ("name" in blob && typeof blob.name === "string" ? blob.name : "picture");

/** @param bytes - are changed */
async function decoded(
  bytes: Uint8Array<ArrayBuffer>,
  name: string,
  maxPixels: number,
  exifOrientation: boolean,
): Promise<Picture> {
  const { type, width, height, exif } = readHeader(bytes, name);
  checkSize({ width, height }, name, maxPixels);
  // A name that no decoder knows hides the orientation in the block; all else stays where it is.
  if (!exifOrientation) for (const at of exif) bytes.set([0x78, 0x78, 0x58, 0x78], at);
  return readable(name, () => pixelsOf(new Blob([bytes], { type })));
}

async function shown(source: CanvasImageSource, maxPixels: number): Promise<Picture> {
  const image = typeof HTMLImageElement !== "undefined" && source instanceof HTMLImageElement ? source : null;
  const name = image?.alt || "picture";
  return readable(name, async () => {
    // Waits for one that is still on its way.
    await image?.decode();
    checkSize(sizeOf(source), name, maxPixels);
    return pixelsOf(source);
  });
}

/** Of a bitmap too a copy is read: its own bytes may be multiplied by alpha, which nothing tells. */
async function pixelsOf(source: Blob | CanvasImageSource): Promise<Picture> {
  const bitmap = await createImageBitmap(source, AS_STORED);
  try {
    return readBitmap(bitmap);
  } finally {
    bitmap.close();
  }
}

async function readable(name: string, read: () => Promise<Picture>): Promise<Picture> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof FixresError) throw error;
    if (error instanceof DOMException && error.name === "SecurityError") {
      throw new DataError(
        `picture "${name}" comes from another origin, which lets it be shown but not read; have it served with CORS and loaded with crossorigin="anonymous".`,
      );
    }
    throw new DataError(`picture "${name}" cannot be decoded (${reason(error)}); restore or convert it.`);
  }
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function sizeOf(source: CanvasImageSource): Size {
  if ("naturalWidth" in source) return { width: source.naturalWidth, height: source.naturalHeight };
  if ("videoWidth" in source) return { width: source.videoWidth, height: source.videoHeight };
  if ("displayWidth" in source) return { width: source.displayWidth, height: source.displayHeight };
  const { width, height } = source;
  return typeof width === "number" && typeof height === "number"
    ? { width, height }
    : { width: (width as SVGAnimatedLength).baseVal.value, height: (height as SVGAnimatedLength).baseVal.value };
}

function checkSize({ width, height }: Size, name: string, maxPixels: number): void {
  if (!(width >= 1 && height >= 1)) throw new DataError(`picture "${name}" is empty: ${width} x ${height} pixels.`);
  if (width * height > maxPixels) {
    throw new DataError(
      `picture "${name}" has ${width} x ${height} pixels, more than the ${maxPixels} allowed; make it smaller or raise maxPixels.`,
    );
  }
}

/** @param bitmap - not multiplied by alpha; since a 2D canvas is, colours of translucent pixels are read another way */
function readBitmap(bitmap: ImageBitmap): Picture {
  const picture = {
    width: bitmap.width,
    height: bitmap.height,
    data: new Uint8Array(bitmap.width * bitmap.height * 3),
  };
  const { width, height } = picture;
  const canvas = new OffscreenCanvas(Math.min(width, TILE), Math.min(height, TILE));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("this browser gives no 2D canvas");
  context.globalCompositeOperation = "copy";
  let opaque = true;
  for (let top = 0; top < height; top += TILE) {
    for (let left = 0; left < width; left += TILE) {
      context.drawImage(bitmap, -left, -top);
      const [columns, rows] = [Math.min(TILE, width - left), Math.min(TILE, height - top)];
      const { data } = context.getImageData(0, 0, columns, rows);
      opaque = copyColours(data, columns, picture, { left, top }) && opaque;
    }
  }
  if (!opaque) {
    readStraight(bitmap, TILE, (rgba, columns, left, top) => copyColours(rgba, columns, picture, { left, top }));
  }
  return picture;
}

/**
 * Copies the colours of a tile into a picture.
 * @param rgba - bytes [rows, columns, 4]  @returns whether all of it is opaque
 */
function copyColours(
  rgba: Uint8Array | Uint8ClampedArray,
  columns: number,
  picture: Picture,
  { left, top }: { readonly left: number; readonly top: number },
): boolean {
  const { data, width } = picture;
  let alphas = 255;
  for (let y = 0, from = 0; from < rgba.length; y++) {
    let to = ((top + y) * width + left) * 3;
    for (let x = 0; x < columns; x++, from += 4, to += 3) {
      data[to] = rgba[from]!;
      data[to + 1] = rgba[from + 1]!;
      data[to + 2] = rgba[from + 2]!;
      alphas &= rgba[from + 3]!;
    }
  }
  return alphas === 255;
}
