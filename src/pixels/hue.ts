/**
 * The hue of colours as Pillow has it: its conversions RGB to HSV and back (Convert.c, after Python's colorsys), both rounded to
 * bytes, computed in C floats and doubles where it does.
 */

// Of a byte as hue: which sixth of the circle, 0 to 6, of which the last is the first again, and how far into it.
const SIXTHS = Uint8Array.from({ length: 256 }, (_, hue) => Math.floor((hue * 6) / 255));
const INTO = Float32Array.from({ length: 256 }, (_, hue) => (hue * 6) / 255 - SIXTHS[hue]!);
/** Of a byte as saturation: 0 to 1. */
const SHARES = Float32Array.from({ length: 256 }, (_, saturation) => saturation / 255);

/** Which of a colour's parts is red, green and blue in each sixth: 0 its value, 1 its lowest, 2 the falling, 3 the rising one. */
const PARTS = Uint8Array.of(0, 3, 1, 2, 0, 1, 1, 0, 3, 1, 2, 0, 3, 1, 0, 0, 1, 2, 0, 3, 1);
const parts = new Uint8Array(4);

/**
 * Turns the hue of each pixel, in place: RGB to HSV, the hue plus `shift` modulo 256, and back.
 * @param pixels - RGB bytes  @param shift - a whole number; 255 (not 256, which is a shift of 0) is nearly once around
 */
export function shiftHue(pixels: Uint8Array, shift: number): void {
  for (let i = 0; i < pixels.length; i += 3) {
    const red = pixels[i]!;
    const green = pixels[i + 1]!;
    const blue = pixels[i + 2]!;
    const value = Math.max(red, green, blue);
    const range = value - Math.min(red, green, blue);
    // Black too gets here a saturation of 0: 0 / 0, which `|` takes for it.
    const share = SHARES[(Math.fround(range / value) * 255) | 0]!;
    const hue = (hueOf(red, green, blue, value, range) + shift) & 255;
    const into = INTO[hue]!;
    parts[0] = value;
    // Rounded, as nothing here is negative.
    parts[1] = value * (1 - share) + 0.5;
    parts[2] = value * (1 - Math.fround(share * into)) + 0.5;
    parts[3] = value * (1 - share * (1 - into)) + 0.5;
    const of = SIXTHS[hue]! * 3;
    pixels[i] = parts[PARTS[of]!]!;
    pixels[i + 1] = parts[PARTS[of + 1]!]!;
    pixels[i + 2] = parts[PARTS[of + 2]!]!;
  }
}

/** The hue of a colour, 0 to 255; 0 for grey. @param value - its largest part  @param range - that less the smallest */
function hueOf(red: number, green: number, blue: number, value: number, range: number): number {
  let sixths: number;
  if (red === value) sixths = Math.fround((value - blue) / range) - Math.fround((value - green) / range);
  else if (green === value) sixths = 2 + Math.fround((value - red) / range) - Math.fround((value - blue) / range);
  else sixths = 4 + Math.fround((value - green) / range) - Math.fround((value - red) / range);
  const turns = Math.fround(sixths) / 6 + 1;
  return (Math.fround(turns >= 1 ? turns - 1 : turns) * 255) | 0;
}
