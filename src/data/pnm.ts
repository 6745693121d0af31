import type { Picture, Size } from "../pixels/index.js";

const LONGEST_TOKEN = 10;
/** Pillow reads text in blocks of so many bytes, and does not look at those behind the last pixel's. */
const BLOCK = 1 << 20;
const HASH = 0x23;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

const SAMPLES = { 1: "bits", 2: "grey", 3: "colour" } as const;

/** What a PBM, PGM or PPM says of itself, with the sizes not judged yet. */
export interface PnmHeader extends Size {
  readonly samples: (typeof SAMPLES)[1 | 2 | 3];
  /** Whether samples are text. */
  readonly plain: boolean;
  /** The sample that stands for white; 1 for bits. */
  readonly maxval: number;
  readonly pixelsAt: number;
}

/** Whether bytes begin as a PBM, PGM or PPM does. */
export const isPnm = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x50 && bytes[1]! >= 0x31 && bytes[1]! <= 0x36 && isSpace(bytes[2]);

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || (byte !== undefined && byte >= 9 && byte <= 13);

/**
 * The header of a PBM, PGM or PPM (P1 to P6), by Pillow's rules.
 * @param bytes - the file's beginning
 * @throws {Error} where it is cut short or makes no sense
 */
export function pnmHeader(bytes: Uint8Array): PnmHeader {
  const digit = bytes[1]! - 0x30;
  let at = 3;
  const next = (): number => {
    const { text, end } = tokenAt(bytes, at);
    at = end;
    return wholeNumber(text);
  };
  const samples = SAMPLES[(((digit - 1) % 3) + 1) as 1 | 2 | 3];
  const [width, height] = [next(), next()];
  const maxval = samples === "bits" ? 1 : next();
  if (width <= 0 || height <= 0) throw new Error("it has no pixels");
  if (maxval <= 0 || maxval > 65_535) throw new Error(`white is ${maxval}, not from 1 to 65535`);
  return { width, height, samples, plain: digit <= 3, maxval, pixelsAt: at };
}

/** The text up to the next whitespace, which is passed over. A comment is cut out, and does not end it. */
function tokenAt(bytes: Uint8Array, start: number): { text: string; end: number } {
  let text = "";
  let at = start;
  while (at < bytes.length && text.length <= LONGEST_TOKEN) {
    const byte = bytes[at++]!;
    if (byte === HASH) {
      while (at < bytes.length && bytes[at] !== CARRIAGE_RETURN && bytes[at] !== LINE_FEED) at++;
      at++;
    } else if (!isSpace(byte)) {
      text += String.fromCharCode(byte);
    } else if (text !== "") break;
  }
  if (text === "") throw new Error("the header is cut short");
  return { text, end: Math.min(at, bytes.length) };
}

/** As Python's `int` reads it. */
function wholeNumber(text: string): number {
  if (text.length > LONGEST_TOKEN) throw new Error(`"${text.slice(0, LONGEST_TOKEN)}..." is too long for a number`);
  if (!/^[+-]?\d+(?:_\d+)*$/.test(text)) throw new Error(`"${text}" is no whole number`);
  return Number(text.replaceAll("_", ""));
}

/**
 * Decodes a PBM, PGM or PPM as Pillow does: samples are scaled to 255, but grey of more than 8 bits to 65535, of which all but
 * the darkest values are then white.
 * @param header - the file's, its size judged by who calls
 * @throws {Error} where the file is cut short, before memory is taken, or a text is no sample
 */
export function decodePnm(bytes: Uint8Array, header: PnmHeader): Picture {
  const { width, height, samples, plain, pixelsAt } = header;
  const count = width * height * (samples === "colour" ? 3 : 1);
  // Bits may stand without a space between them.
  const least = plain ? (samples === "bits" ? count : 2 * count - 1) : height * rowBytes(header);
  if (pixelsAt + least > bytes.length) throw new Error("rows are missing");
  const read = plain
    ? samples === "bits"
      ? plainBits
      : plainSamples
    : samples === "bits"
      ? binaryBits
      : binarySamples;
  const values = read(bytes, header, count);
  if (samples === "colour") return { width, height, data: values };
  const data = new Uint8Array(3 * count);
  for (let i = 0; i < count; i++) data.fill(values[i]!, 3 * i, 3 * i + 3);
  return { width, height, data };
}

const sampleBytes = ({ maxval }: PnmHeader): 1 | 2 => (maxval < 256 ? 1 : 2);

const rowBytes = (header: PnmHeader): number =>
  header.samples === "bits"
    ? Math.ceil(header.width / 8)
    : header.width * sampleBytes(header) * (header.samples === "colour" ? 3 : 1);

function binaryBits(bytes: Uint8Array, header: PnmHeader, count: number): Uint8Array {
  const { width, height, pixelsAt } = header;
  const values = new Uint8Array(count);
  for (let y = 0, i = 0; y < height; y++) {
    const row = pixelsAt + y * rowBytes(header);
    for (let x = 0; x < width; x++) values[i++] = (bytes[row + (x >> 3)]! >> (7 - (x & 7))) & 1 ? 0 : 255;
  }
  return values;
}

function binarySamples(bytes: Uint8Array, header: PnmHeader, count: number): Uint8Array {
  const { maxval, pixelsAt } = header;
  // Not `slice`, which of a Buffer is no copy.
  if (maxval === 255) return new Uint8Array(bytes.subarray(pixelsAt, pixelsAt + count));
  const levels = levelsOf(header);
  const values = new Uint8Array(count);
  if (sampleBytes(header) === 1) for (let i = 0; i < count; i++) values[i] = levels[bytes[pixelsAt + i]!]!;
  else for (let i = 0, at = pixelsAt; i < count; i++, at += 2) values[i] = levels[bytes[at]! * 256 + bytes[at + 1]!]!;
  return values;
}

/** What each sample that fits into the bytes of one becomes. */
function levelsOf(header: PnmHeader): Uint8Array {
  const { maxval, samples } = header;
  const white = samples === "grey" && maxval > 255 ? 65_535 : 255;
  const levels = new Uint8Array(256 ** sampleBytes(header));
  for (let i = 0; i < levels.length; i++) levels[i] = Math.min(255, roundHalfToEven((i / maxval) * white));
  return levels;
}

/** Python's `round`. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

function plainBits(bytes: Uint8Array, { pixelsAt }: PnmHeader, count: number): Uint8Array {
  const values = new Uint8Array(count);
  let i = 0;
  for (const block of blocksWithoutComments(bytes, pixelsAt)) {
    const bits = block.replace(/[\t-\r ]+/g, "");
    const other = /[^01]/.exec(bits);
    if (other !== null) throw new Error(`"${other[0]}" is no bit`);
    for (let j = 0; j < bits.length && i < count; j++) values[i++] = bits[j] === "0" ? 255 : 0;
    if (i === count) return values;
  }
  throw new Error("rows are missing");
}

function plainSamples(bytes: Uint8Array, header: PnmHeader, count: number): Uint8Array {
  const { maxval, pixelsAt } = header;
  const levels = levelsOf(header);
  const values = new Uint8Array(count);
  let i = 0;
  // What a block ends in may go on in the next.
  let rest = "";
  for (const block of blocksWithoutComments(bytes, pixelsAt)) {
    const tokens = (rest + block).split(/[\t-\r ]+/);
    rest = tokens.pop()!;
    if (rest.length > LONGEST_TOKEN) wholeNumber(rest);
    for (const token of tokens) {
      if (token === "") continue;
      const value = wholeNumber(token);
      if (value < 0 || value > maxval) throw new Error(`the sample ${value} is not from 0 to ${maxval}`);
      values[i++] = levels[value]!;
      if (i === count) return values;
    }
  }
  throw new Error("rows are missing");
}

/** Comments go with the end of their line, so that what stands before and behind them is one; a space ends the last block. */
function* blocksWithoutComments(bytes: Uint8Array, start: number): Generator<string> {
  let inComment = false;
  for (let at = start; at < bytes.length; at += BLOCK) {
    const block = Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(BLOCK, bytes.length - at));
    let text = block.toString("latin1");
    if (inComment) text = `#${text}`;
    text = text.replace(/#[^\r\n]*[\r\n]/g, "");
    const open = text.indexOf("#");
    inComment = open >= 0;
    yield inComment ? text.slice(0, open) : text;
  }
  yield " ";
}
