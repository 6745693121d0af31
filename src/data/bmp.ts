import type { Picture, Size } from "../pixels/index.js";
import { rleIndices } from "./bmp-rle.js";

const FILE_HEADER = 14;
/** The one header that has its sizes in 16 bits and its palette in triples: OS/2 1.x. */
const CORE_HEADER = 12;
const INFO_HEADER = 40;
const HEADERS = [CORE_HEADER, INFO_HEADER, 52, 56, 64, 108, 124];

const RAW = 0;
const RLE8 = 1;
const RLE4 = 2;
const BITFIELDS = 3;
const MOST_COLOURS = 65_536;

/** Where the bytes of a pixel have red, green and blue, by the masks of red, green, blue and alpha. */
const MASKS_OF_32: Readonly<Record<string, readonly [number, number, number]>> = {
  "ff0000 ff00 ff 0": [2, 1, 0],
  "ff000000 ff0000 ff00 0": [3, 2, 1],
  "ff000000 ff00 ff 0": [3, 1, 0],
  "ff000000 ff0000 ff00 ff": [3, 2, 1],
  "ff ff00 ff0000 ff000000": [0, 1, 2],
  "ff0000 ff00 ff ff000000": [2, 1, 0],
  "ff000000 ff00 ff ff0000": [3, 1, 0],
  "0 0 0 0": [2, 1, 0],
};
const MASKS_OF_24 = "ff0000 ff00 ff";
/** By the masks of red, green and blue, how many bits green has. */
const MASKS_OF_16: Readonly<Record<string, 5 | 6>> = { "f800 7e0 1f": 6, "7c00 3e0 1f": 5 };

/** What a BMP says of itself, with the sizes not judged yet. */
export interface BmpHeader extends Size {
  readonly bits: number;
  readonly compression: number;
  /** Whether the first row is the upper one. */
  readonly topDown: boolean;
  readonly paletteAt: number;
  readonly colours: number;
  /** Bytes of a colour of the palette. */
  readonly colourBytes: 3 | 4;
  /** Where the pixels begin; null where they follow what stands before them. */
  readonly pixelsAt: number | null;
  /** Masks of red, green, blue and alpha in hexadecimal; of no use but with bit fields. */
  readonly masks: readonly string[];
}

/**
 * The header of a BMP, by Pillow's rules.
 * @param bytes - the file's beginning, 150 bytes or all of it
 * @throws {Error} where it is cut short or of a kind that Pillow does not read
 */
export function bmpHeader(bytes: Uint8Array): BmpHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const need = (end: number): void => {
    if (end > bytes.length) throw new Error("the header is cut short");
  };
  need(FILE_HEADER + 4);
  const size = view.getUint32(FILE_HEADER, true);
  if (!HEADERS.includes(size)) throw new Error(`a header of ${size} bytes is not known`);
  const paletteAt = FILE_HEADER + size;
  need(paletteAt);
  const offset = view.getUint32(10, true);
  const u16 = (at: number): number => view.getUint16(FILE_HEADER + at, true);
  const u32 = (at: number): number => view.getUint32(FILE_HEADER + at, true);
  if (size === CORE_HEADER) {
    const common = { width: u16(4), height: u16(6), bits: u16(10), compression: RAW, topDown: false, masks: [] };
    return placed({ ...common, paletteAt, colours: 0, colourBytes: 3 }, offset);
  }
  // Heights below zero are told by the highest byte alone, as Pillow does.
  const topDown = bytes[FILE_HEADER + 11] === 0xff;
  const compression = u32(16);
  const masks: string[] = [];
  if (compression === BITFIELDS) {
    const count = size >= 56 ? 4 : 3;
    need(FILE_HEADER + INFO_HEADER + 4 * count);
    for (let i = 0; i < count; i++) masks.push(u32(INFO_HEADER + 4 * i).toString(16));
    if (count === 3) masks.push("0");
  }
  const height = topDown ? 2 ** 32 - u32(8) : u32(8);
  const common = { width: u32(4), height, bits: u16(14), compression, topDown, masks };
  return placed({ ...common, paletteAt, colours: u32(32), colourBytes: 4 }, offset);
}

/** Colours that are not counted are as many as there can be; an offset that leaves no room for them is taken to mean their end. */
function placed(header: Omit<BmpHeader, "pixelsAt">, offset: number): BmpHeader {
  const { bits, paletteAt, colourBytes } = header;
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw new Error(`pixels of ${bits} bits are not read`);
  if (header.width === 0 || header.height === 0) throw new Error("it has no pixels");
  const colours = header.colours || 2 ** bits;
  const pixelsAt = offset === paletteAt && bits <= 8 ? offset + colourBytes * colours : offset;
  return { ...header, colours, pixelsAt: pixelsAt || null };
}

/** Pixels that point into 256 colours, in triples. */
interface Indexed {
  readonly kind: "indexed";
  readonly bits: number;
  readonly colours: Uint8Array;
}
/** Pixels of 16 bits. */
interface Packed {
  readonly kind: "packed";
  readonly bits: 16;
  readonly greenBits: 5 | 6;
}
/** Pixels of whole bytes. */
interface Bytes {
  readonly kind: "bytes";
  readonly bits: number;
  /** Where in a pixel red, green and blue are. */
  readonly places: readonly [number, number, number];
}

/**
 * Decodes a BMP as Pillow does; alpha is dropped.
 * @param header - the file's, its size judged by who calls
 * @throws {Error} where the file is cut short, before memory is taken, or of a kind that Pillow does not read
 */
export function decodeBmp(bytes: Uint8Array, header: BmpHeader): Picture {
  const { bits, compression, paletteAt, colours, colourBytes } = header;
  const layout = bits <= 8 ? indexed(bytes, header) : coloured(header);
  const before = bits <= 8 ? colours * colourBytes : compression === BITFIELDS && paletteAt === 54 ? 12 : 0;
  const pixelsAt = header.pixelsAt ?? Math.min(paletteAt + before, bytes.length);
  if (compression === RLE8 || compression === RLE4) return decodeRuns(bytes, header, layout, pixelsAt);
  if (compression !== RAW && compression !== BITFIELDS) throw new Error(`compression ${compression} is not read`);
  return decodeRows(bytes, header, layout, pixelsAt);
}

function coloured({ bits, compression, masks }: BmpHeader): Packed | Bytes {
  const fields = compression === BITFIELDS;
  const unknown = (): Error => new Error(`bit fields ${masks.join(", ")} of ${bits} bits are not read`);
  const rgb = masks.slice(0, 3).join(" ");
  if (bits === 16) {
    const greenBits = fields ? MASKS_OF_16[rgb] : 5;
    if (greenBits === undefined) throw unknown();
    return { kind: "packed", bits, greenBits };
  }
  const places = fields && bits === 32 ? MASKS_OF_32[masks.join(" ")] : ([2, 1, 0] as const);
  if (places === undefined || (fields && bits === 24 && rgb !== MASKS_OF_24)) throw unknown();
  return { kind: "bytes", bits, places };
}

/**
 * The palette; where it is a ramp of greys Pillow takes pixels of 8 bits without it, or of 1 where it has no more than two
 * colours, whatever the header says. Colours that are not there are black.
 */
function indexed(bytes: Uint8Array, { bits, compression, paletteAt, colours, colourBytes }: BmpHeader): Indexed {
  if (compression === BITFIELDS) throw new Error(`bit fields of ${bits} bits are not read`);
  if (colours > MOST_COLOURS) throw new Error(`a palette of ${colours} colours is not read`);
  const palette = bytes.subarray(paletteAt, paletteAt + colours * colourBytes);
  const greyAt = (i: number): number => (colours === 2 ? 255 * i : i & 255);
  let grey = true;
  for (let i = 0; grey && i < colours; i++)
    for (let c = 0; c < 3; c++) grey &&= palette[i * colourBytes + c] === greyAt(i);
  const table = new Uint8Array(256 * 3);
  if (grey) {
    const bilevel = colours <= 2;
    for (let i = 0; i < 256; i++) table.fill(bilevel && i > 0 ? 255 : i, 3 * i, 3 * i + 3);
    return { kind: "indexed", bits: bilevel ? 1 : 8, colours: table };
  }
  const count = Math.floor(palette.length / colourBytes);
  if (count > 256) throw new Error(`a palette of ${count} colours is not read`);
  for (let i = 0; i < count; i++) for (let c = 0; c < 3; c++) table[3 * i + c] = palette[i * colourBytes + 2 - c]!;
  return { kind: "indexed", bits, colours: table };
}

/** Rows as they are, each of a multiple of four bytes; of the last, what fills it up may be missing. */
function decodeRows(bytes: Uint8Array, header: BmpHeader, layout: Indexed | Packed | Bytes, pixelsAt: number): Picture {
  const { width, height, topDown, bits } = header;
  const stride = 4 * Math.ceil((width * bits) / 32);
  const rowBytes = Math.ceil((width * layout.bits) / 8);
  if (rowBytes > stride) throw new Error(`a palette of greys does not go with pixels of ${bits} bits`);
  if (pixelsAt + stride * (height - 1) + rowBytes > bytes.length) throw new Error("rows are missing");
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const row = bytes.subarray(pixelsAt + y * stride, pixelsAt + y * stride + rowBytes);
    unpackRow(row, layout, data.subarray(3 * width * (topDown ? y : height - 1 - y)), width);
  }
  return { width, height, data };
}

function unpackRow(row: Uint8Array, layout: Indexed | Packed | Bytes, out: Uint8Array, width: number): void {
  switch (layout.kind) {
    case "indexed": {
      const { bits, colours } = layout;
      const perByte = 8 / bits;
      const mask = 2 ** bits - 1;
      for (let x = 0, at = 0; x < width; x++) {
        const index = 3 * ((row[Math.floor(x / perByte)]! >> (8 - bits - bits * (x % perByte))) & mask);
        for (let c = 0; c < 3; c++) out[at++] = colours[index + c]!;
      }
      return;
    }
    case "packed": {
      const { greenBits } = layout;
      const green = 2 ** greenBits - 1;
      for (let x = 0, at = 0; x < width; x++) {
        const pixel = row[2 * x]! | (row[2 * x + 1]! << 8);
        out[at++] = Math.floor((((pixel >> (5 + greenBits)) & 31) * 255) / 31);
        out[at++] = Math.floor((((pixel >> 5) & green) * 255) / green);
        out[at++] = Math.floor(((pixel & 31) * 255) / 31);
      }
      return;
    }
    case "bytes": {
      const [red, green, blue] = layout.places;
      const step = layout.bits / 8;
      for (let x = 0, at = 0; x < width; x++) {
        out[at++] = row[x * step + red]!;
        out[at++] = row[x * step + green]!;
        out[at++] = row[x * step + blue]!;
      }
      return;
    }
    default:
      layout satisfies never;
  }
}

function decodeRuns(bytes: Uint8Array, header: BmpHeader, layout: Indexed | Packed | Bytes, pixelsAt: number): Picture {
  const { width, height, topDown, compression } = header;
  if (layout.kind !== "indexed") throw new Error(`runs of pixels of ${layout.bits} bits are not read`);
  const runs = { bytes, at: pixelsAt, width, height, nibbles: compression === RLE4 };
  // Counted first: runs of a few bytes may claim any number of pixels.
  if (rleIndices(runs, null) < width * height) throw new Error("rows are missing");
  const indices = new Uint8Array(width * height);
  rleIndices(runs, indices);
  const data = new Uint8Array(width * height * 3);
  const whole = { ...layout, bits: 8 };
  for (let y = 0; y < height; y++) {
    const row = indices.subarray(y * width, (y + 1) * width);
    unpackRow(row, whole, data.subarray(3 * width * (topDown ? y : height - 1 - y)), width);
  }
  return { width, height, data };
}
