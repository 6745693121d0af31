import type { Box, Picture } from "../pixels/index.js";

const HEADER_BYTES = 13;
const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
const IMAGE = 0x2c;

/** A GIF as Pillow sees its first picture: with colours where it is transparent, and with one where the picture is not. */
export interface OpaqueGif {
  /** The file, in which nothing of the first picture is transparent: libvips would make that black. */
  readonly bytes: Uint8Array;
  /** The colour of what the picture leaves of the screen: the transparent one, else the palette's first. */
  readonly ground: Uint8Array;
  /** The part of the screen that the picture takes. */
  readonly box: Box;
}

/** Of anything but the beginning of a GIF null comes back, for the decoder to refuse the file. */
export function opaqueGif(bytes: Uint8Array): OpaqueGif | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const colours = (flags: number, at: number): Uint8Array =>
    bytes.subarray(at, at + (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0));
  const shared = colours(bytes[10] ?? 0, HEADER_BYTES);
  let at = HEADER_BYTES + shared.length;
  let control = -1;
  for (; bytes[at] === EXTENSION; at++) {
    if (bytes[at + 1] === GRAPHIC_CONTROL) control = at;
    at += 2;
    // Sub-blocks, each behind its length, until one of none.
    while (bytes[at]) at += bytes[at]! + 1;
  }
  if (bytes[at] !== IMAGE || at + 10 > bytes.length) return null;
  const [left, top, width, height] = [1, 3, 5, 7].map((place) => view.getUint16(at + place, true));
  const own = colours(bytes[at + 9]!, at + 10);
  const transparent = control >= 0 && (bytes[control + 3]! & 1) === 1;
  const first = transparent ? 3 * bytes[control + 6]! : 0;
  const copy = transparent ? new Uint8Array(bytes) : bytes;
  if (transparent) copy[control + 3]! &= ~1;
  const ground = (own.length > 0 ? own : shared).subarray(first, first + 3);
  return { bytes: copy, ground, box: { left: left!, top: top!, width: width!, height: height! } };
}

/** Colours what lies outside of the box. */
export function paintAround({ width, height, data }: Picture, { ground, box }: OpaqueGif): void {
  for (let y = 0, at = 0; y < height; y++) {
    const inside = y >= box.top && y < box.top + box.height;
    for (let x = 0; x < width; x++, at += 3) {
      if (!(inside && x >= box.left && x < box.left + box.width)) data.set(ground, at);
    }
  }
}
