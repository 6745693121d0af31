import { RequestError } from "../../errors.js";
import type { Random } from "../../random.js";
import type { Box, Picture } from "../picture.js";
import { roundHalfEven } from "../transform.js";

/** What comes in the place of what is erased: the mean colour, one random colour a box, or one a pixel. */
export const ERASE_MODES = ["const", "rand", "pixel"] as const;

/** timm's arguments of random erasing. */
export interface ErasingOptions {
  /** Of erasing anything. */
  readonly probability: number;
  /** `pixel` unless given, as timm's training command has it. */
  readonly mode?: (typeof ERASE_MODES)[number];
  /** The most boxes a picture, among which the area is divided; 1 unless given. */
  readonly count?: number;
}

/** The model's normalisation, a number a channel, of bytes divided by 255. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** @throws {RequestError} for a probability, mode or count that cannot be */
export function assertErasing({ probability, mode = "pixel", count = 1 }: ErasingOptions): void {
  if (!(probability >= 0 && probability <= 1)) {
    throw new RequestError(`the erasing probability is ${probability}; give one from 0 to 1, such as 0.25.`);
  }
  if (!ERASE_MODES.includes(mode)) {
    throw new RequestError(`Unknown erasing mode "${mode}". Known are ${ERASE_MODES.join(", ")}.`);
  }
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RequestError(`the number of erased boxes is ${count}; give a whole number from 1 on.`);
  }
}

/**
 * timm's `RandomErasing` (arXiv 1708.04896), in place: boxes of 2% to a third of the area, their aspect ratio from 0.3 to 1 / 0.3.
 * timm erases after normalisation, by 0 or by normal noise; here, on bytes, before it. So 0 becomes the mean colour, and noise the byte
 * nearest to 255 (mean + std noise), of which 0 and 255 are the ends: the same but for what rounding and those ends take away.
 */
export function eraseRandomly(
  picture: Picture,
  { probability, mode = "pixel", count: most = 1 }: ErasingOptions,
  normalization: Normalization,
  random: Random,
): void {
  if (random.uniform() > probability) return;
  const count = most === 1 ? 1 : 1 + random.integer(most);
  for (let i = 0; i < count; i++) {
    const box = drawBox(picture, count, random);
    if (box) fillBox(picture, box, mode, normalization, random);
  }
}

/** Ten tries at a box that is smaller than the picture both ways; null where none is. */
function drawBox({ width, height }: Picture, count: number, random: Random): Box | null {
  const ratios = [Math.log(0.3), Math.log(1 / 0.3)] as const;
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = ((0.02 + (1 / 3 - 0.02) * random.uniform()) * (width * height)) / count;
    const ratio = Math.exp(ratios[0] + (ratios[1] - ratios[0]) * random.uniform());
    const h = roundHalfEven(Math.sqrt(area * ratio));
    const w = roundHalfEven(Math.sqrt(area / ratio));
    if (w < width && h < height) {
      const top = random.integer(height - h + 1);
      return { left: random.integer(width - w + 1), top, width: w, height: h };
    }
  }
  return null;
}

function fillBox(
  { width, data }: Picture,
  box: Box,
  mode: (typeof ERASE_MODES)[number],
  { mean, std }: Normalization,
  random: Random,
): void {
  // Rounds half to even, and keeps to 0..255.
  const color = new Uint8ClampedArray(3);
  const draw = (noise: () => number): void => {
    for (let i = 0; i < 3; i++) color[i] = 255 * (mean[i]! + std[i]! * noise());
  };
  if (mode !== "pixel") draw(mode === "const" ? () => 0 : random.normal);
  for (let y = box.top; y < box.top + box.height; y++) {
    for (let x = box.left; x < box.left + box.width; x++) {
      if (mode === "pixel") draw(random.normal);
      data.set(color, (y * width + x) * 3);
    }
  }
}
