/**
 * Operations that give each byte another one, by a table, in place and byte for byte as Pillow's `ImageOps` do it (versions 5 to
 * 13). What a table is made from, where anything, are the bytes of the channel.
 */

type Table = (value: number) => number;

/** 255 less each byte. */
export const invert = (pixels: Uint8Array): void => map(pixels, (value) => 255 - value);

/** Inverts the bytes from `threshold` on. */
export const solarize = (pixels: Uint8Array, threshold: number): void =>
  map(pixels, (value) => (value < threshold ? value : 255 - value));

/** Adds to the bytes below 128: timm's `solarize_add`. */
export const solarizeAdd = (pixels: Uint8Array, addend: number): void =>
  map(pixels, (value) => (value < 128 ? value + addend : value));

/** Keeps the highest `bits` of each byte; 0 leaves black, as in Pillow up to 12; 13 refuses it. */
export const posterize = (pixels: Uint8Array, bits: number): void => {
  if (bits < 8) map(pixels, (value) => value & ~(2 ** (8 - bits) - 1));
};

/** Spreads each channel so that its darkest byte becomes 0 and its lightest 255. */
export function autoContrast(pixels: Uint8Array): void {
  mapChannels(pixels, (counts) => {
    const darkest = counts.findIndex((count) => count > 0);
    const lightest = counts.findLastIndex((count) => count > 0);
    if (lightest <= darkest) return null;
    const scale = 255 / (lightest - darkest);
    const offset = -darkest * scale;
    return (value) => Math.trunc(value * scale + offset);
  });
}

/** Makes all bytes of each channel about as frequent. */
export function equalize(pixels: Uint8Array): void {
  mapChannels(pixels, (counts) => {
    const lightest = counts.findLast((count) => count > 0) ?? 0;
    const step = Math.floor((pixels.length / 3 - lightest) / 255);
    if (step === 0) return null;
    let sum = Math.floor(step / 2);
    const sums = Array.from(counts, (count) => {
      sum += count;
      return sum - count;
    });
    return (value) => Math.floor(sums[value]! / step);
  });
}

// Whatever is out of 0..255 is brought to its ends, as by Pillow's `point`.
const entries = (table: Table): Uint8ClampedArray => Uint8ClampedArray.from({ length: 256 }, (_, i) => table(i));

function map(pixels: Uint8Array, table: Table): void {
  const of = entries(table);
  for (let i = 0; i < pixels.length; i++) pixels[i] = of[pixels[i]!]!;
}

/** @param tableOf - the table of a channel, given how often it has each byte; null leaves it as it is */
function mapChannels(pixels: Uint8Array, tableOf: (counts: Int32Array) => Table | null): void {
  for (let channel = 0; channel < 3; channel++) {
    const counts = new Int32Array(256);
    for (let i = channel; i < pixels.length; i += 3) counts[pixels[i]!]!++;
    const table = tableOf(counts);
    if (table === null) continue;
    const of = entries(table);
    for (let i = channel; i < pixels.length; i += 3) pixels[i] = of[pixels[i]!]!;
  }
}
