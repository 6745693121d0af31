import type { Random } from "../../random.js";
import type { Operation } from "./operations.js";

/** An operation as strong as a level says: 0 to 10, or more where a bound is set higher. */
export interface Leveled {
  readonly operation: Operation;
  /** What the operation takes. @param random - where a sign is drawn */
  readonly argument: (level: number, random: Random) => number;
}

const negateRandomly = (value: number, random: Random): number => (random.uniform() > 0.5 ? -value : value);

/** From nothing to `most`, in either direction. */
const either =
  (most: number): Leveled["argument"] =>
  (level, random) =>
    negateRandomly((level / 10) * most, random);

const none = (): number => 0;
const enhance = (level: number): number => (level / 10) * 1.8 + 0.1;
/** The stronger the level, the farther from 1. */
const enhanceIncreasing = (level: number, random: Random): number =>
  Math.max(0.1, 1 + negateRandomly((level / 10) * 0.9, random));
const bits = (level: number): number => Math.trunc((level / 10) * 4);
const threshold = (level: number): number => Math.min(256, Math.trunc((level / 10) * 256));
/** From `least` to `most`. */
const within = (level: number, least: number, most: number): number =>
  Math.max(least, Math.min(least + (most - least) * (level / 10), most));

/**
 * timm's `LEVEL_TO_ARG`. The names that end in `Increasing` get stronger with their level; of the others some get weaker (`Solarize`,
 * `Posterize`) and some change nothing at 5 (`Color`, `Contrast`, `Brightness`, `Sharpness`).
 */
export const LEVELS = {
  AutoContrast: { operation: "AutoContrast", argument: none },
  Equalize: { operation: "Equalize", argument: none },
  Invert: { operation: "Invert", argument: none },
  Rotate: { operation: "Rotate", argument: either(30) },
  Posterize: { operation: "Posterize", argument: bits },
  // From level 10 on there is nothing left, where timm fails with Pillow 13.
  PosterizeIncreasing: { operation: "Posterize", argument: (level) => Math.max(0, 4 - bits(level)) },
  PosterizeOriginal: { operation: "Posterize", argument: (level) => bits(level) + 4 },
  Solarize: { operation: "Solarize", argument: threshold },
  SolarizeIncreasing: { operation: "Solarize", argument: (level) => 256 - threshold(level) },
  SolarizeAdd: { operation: "SolarizeAdd", argument: (level) => Math.min(128, Math.trunc((level / 10) * 110)) },
  Color: { operation: "Color", argument: enhance },
  ColorIncreasing: { operation: "Color", argument: enhanceIncreasing },
  Contrast: { operation: "Contrast", argument: enhance },
  ContrastIncreasing: { operation: "Contrast", argument: enhanceIncreasing },
  Brightness: { operation: "Brightness", argument: enhance },
  BrightnessIncreasing: { operation: "Brightness", argument: enhanceIncreasing },
  Sharpness: { operation: "Sharpness", argument: enhance },
  SharpnessIncreasing: { operation: "Sharpness", argument: enhanceIncreasing },
  Desaturate: { operation: "Color", argument: (level) => Math.min(1, Math.max(0, 1 - within(level, 0.5, 1))) },
  GaussianBlur: { operation: "GaussianBlur", argument: (level) => within(level, 0.1, 2) },
  GaussianBlurRand: {
    operation: "GaussianBlur",
    argument: (level, random) => 0.1 + (2 * within(level, 0, 1) - 0.1) * random.uniform(),
  },
  ShearX: { operation: "ShearX", argument: either(0.3) },
  ShearY: { operation: "ShearY", argument: either(0.3) },
  TranslateXRel: { operation: "TranslateXRel", argument: either(0.45) },
  TranslateYRel: { operation: "TranslateYRel", argument: either(0.45) },
} as const satisfies Record<string, Leveled>;

/** A name in `LEVELS`. */
export type LevelName = keyof typeof LEVELS;

/** How the level of an operation is drawn. */
export interface LevelNoise {
  /** Standard deviation; 0 is none, and infinity draws uniformly from 0 to the level. */
  readonly std: number;
  /** The highest level. */
  readonly most: number;
}
