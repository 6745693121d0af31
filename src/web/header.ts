import { DataError } from "../errors.js";

/** What the head of a picture's file tells before anything is decoded. */
export interface PictureHeader {
  /** Its media type. */
  readonly type: string;
  /** px, of the pixels as they are stored: before any orientation is applied. */
  readonly width: number;
  readonly height: number;
  /** Where the names of Exif blocks begin, four bytes each. */
  readonly exif: readonly number[];
}

/**
 * Reads size and Exif blocks of a JPEG, PNG or WebP, the formats that Node takes too; checks that the file is whole.
 * @param name - what messages call the picture
 * @throws {DataError} where it is empty, of another format, damaged or cut short
 */
export function readHeader(bytes: Uint8Array, name: string): PictureHeader {
  if (bytes.length === 0) throw new DataError(`picture "${name}" is an empty file; restore or remove it.`);
  const format = FORMATS.find(({ starts }) => starts(bytes));
  if (format === undefined)
    throw new DataError(`picture "${name}" is no JPEG, PNG or WebP, whatever its name says; convert or remove it.`);
  const exif: number[] = [];
  const size = format.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), exif);
  if (size === null || size[0] < 1 || size[1] < 1)
    throw new DataError(`picture "${name}" is damaged or cut short; restore or remove it.`);
  return { type: format.type, width: size[0], height: size[1], exif };
}

type Size = readonly [width: number, height: number];
/** Gives null where the file is not whole. @param exif - takes the places of Exif blocks */
type Reader = (view: DataView, exif: number[]) => Size | null;

const textAt = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));
const codeAt = (view: DataView, at: number): string =>
  String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));

const FORMATS: readonly { type: string; starts: (bytes: Uint8Array) => boolean; read: Reader }[] = [
  { type: "image/jpeg", starts: (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8, read: readJpeg },
  { type: "image/png", starts: (bytes) => textAt(bytes, 0, 8) === "\x89PNG\r\n\x1a\n", read: readPng },
  {
    type: "image/webp",
    starts: (bytes) => textAt(bytes, 0, 4) === "RIFF" && textAt(bytes, 8, 4) === "WEBP",
    read: readWebp,
  },
];

/** ISO 10918-1, annex B: segments up to the first scan, and the end-of-image marker behind it. */
function readJpeg(view: DataView, exif: number[]): Size | null {
  let size: Size | null = null;
  for (let at = 2; at + 4 <= view.byteLength; ) {
    const marker = view.getUint8(at + 1);
    // As libjpeg does: what lies between segments is stepped over.
    if (view.getUint8(at) !== 0xff || marker === 0xff || marker === 0) {
      at++;
      continue;
    }
    const length = view.getUint16(at + 2);
    if (length < 2 || at + 2 + length > view.byteLength) return null;
    if (marker === 0xda) return hasEndOfImage(view, at) ? size : null;
    // A frame's header: SOF0 to SOF15 without DHT, JPG and DAC, which stand among them.
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame && length >= 7) size ??= [view.getUint16(at + 7), view.getUint16(at + 5)];
    if (marker === 0xe1 && length >= 8 && codeAt(view, at + 4) === "Exif") exif.push(at + 4);
    at += 2 + length;
  }
  return null;
}

function hasEndOfImage(view: DataView, start: number): boolean {
  for (let at = view.byteLength - 2; at > start; at--) if (view.getUint16(at) === 0xffd9) return true;
  return false;
}

/**
 * PNG (ISO 15948), section 5: chunks from IHDR to IEND. Node forgives a file without IEND; here nothing else tells that one was cut
 * between two chunks of pixels.
 */
function readPng(view: DataView, exif: number[]): Size | null {
  let size: Size | null = null;
  for (let at = 8; at + 12 <= view.byteLength; ) {
    const length = view.getUint32(at);
    const code = codeAt(view, at + 4);
    if (code === "IEND") return size;
    if (at + 12 + length > view.byteLength) return null;
    if (code === "IHDR" && length >= 8) size ??= [view.getUint32(at + 8), view.getUint32(at + 12)];
    if (code === "eXIf") exif.push(at + 4);
    at += 12 + length;
  }
  return null;
}

/** RFC 9649: chunks of a RIFF file. */
function readWebp(view: DataView, exif: number[]): Size | null {
  const end = view.byteLength < 12 ? 0 : view.getUint32(4, true) + 8;
  if (end > view.byteLength) return null;
  let size: Size | null = null;
  for (let at = 12; at + 8 <= end; ) {
    const code = codeAt(view, at);
    const length = view.getUint32(at + 4, true);
    const payload = at + 8;
    if (payload + length > end) return null;
    size ??= webpSize(view, code, payload, length);
    if (code === "EXIF") exif.push(at);
    at = payload + length + (length % 2);
  }
  return size;
}

function webpSize(view: DataView, code: string, at: number, length: number): Size | null {
  if (code === "VP8X" && length >= 10)
    return [1 + (view.getUint32(at + 4, true) & 0xffffff), 1 + (view.getUint32(at + 6, true) >>> 8)];
  if (code === "VP8 " && length >= 10)
    return [view.getUint16(at + 6, true) & 0x3fff, view.getUint16(at + 8, true) & 0x3fff];
  if (code !== "VP8L" || length < 5) return null;
  const bits = view.getUint32(at + 1, true);
  return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
}
