import { RequestError } from "../../errors.js";
import type { Random } from "../../random.js";
import type { AffineFilter, Color } from "./affine.js";
import { LEVELS, type Leveled, type LevelNoise } from "./levels.js";
import { type AugmentStep, isGeometric } from "./operations.js";
import { POLICIES, type PolicyStep, type SubPolicy } from "./policies.js";
import { parseRandAugment, type RandAugment } from "./rand-augment.js";
import { numberOf, sectionOf } from "./sections.js";
import { torchvisionAutoAugment } from "./torchvision.js";

/** What augmentations of timm's need to know beside their name. */
export interface AugmentOptions {
  /** The colour of what lies outside of a picture that is turned or moved; timm's is the mean colour, round(255 mean). */
  readonly fill: Color;
  /** How it is turned or moved: `random` draws one of the other two each time. */
  readonly interpolation: "bilinear" | "bicubic" | "random";
}

/** Draws the steps of one picture, which `augment` does to it; there may be none. */
export type Augmentation = (random: Random) => AugmentStep[];

/**
 * An augmentation by its name, drawn as timm and torchvision draw it:
 * - `rand-m9-n2-mstd0.5`: RandAugment (arXiv 1909.13719) with the sections of `parseRandAugment`.
 * - `original`, `originalr`, `v0`, `v0r`: AutoAugment's policies for ImageNet (arXiv 1805.09501), `-mstd0.5` behind them; `3a`:
 *   DeiT III's (arXiv 2204.07118).
 * - `autoaugment`: torchvision's `AutoAugment`, which takes no options.
 * @throws {RequestError} for a name or a section that is not known, saying which are
 */
export function augmentation(text: string, options: AugmentOptions): Augmentation {
  const [name, ...sections] = text.split("-") as [string, ...string[]];
  if (name === "autoaugment" && sections.length === 0) return torchvisionAutoAugment;
  if (name === "rand") return randAugment(parseRandAugment(text), options);
  if (Object.hasOwn(POLICIES, name)) {
    const policy = POLICIES[name as keyof typeof POLICIES];
    return autoAugment(policy, { std: policyStd(text, sections), most: 10 }, options);
  }
  throw new RequestError(
    `Unknown augmentation "${text}". Known are autoaugment, ${Object.keys(POLICIES).join(", ")} (also as original-mstd0.5) ` +
      "and rand, as in rand-m9-n2-mstd0.5.",
  );
}

function policyStd(text: string, sections: readonly string[]): number {
  let std = 0;
  for (const section of sections) {
    const [key, value] = sectionOf(section);
    if (key !== "mstd") {
      throw new RequestError(
        `"${text}" has the unknown section "${section}"; a policy takes mstd alone, as in mstd0.5.`,
      );
    }
    std = numberOf(text, section, value);
  }
  return std;
}

function autoAugment(policy: readonly SubPolicy[], noise: LevelNoise, options: AugmentOptions): Augmentation {
  return (random) => policy[random.integer(policy.length)]!.flatMap((step) => drawStep(step, noise, options, random));
}

function randAugment(rand: RandAugment, options: AugmentOptions): Augmentation {
  const { magnitude, layers, probability, choices, weights } = rand;
  return (random) => {
    const drawn = weights ? drawWeighted(weights, layers, random) : drawEqually(choices.length, layers, random);
    return drawn.flatMap((i) => drawStep([choices[i]!, probability, magnitude], rand, options, random));
  };
}

/** With replacement. */
const drawEqually = (n: number, count: number, random: Random): number[] =>
  Array.from({ length: count }, () => random.integer(n));

/** Without replacement. */
function drawWeighted(weights: readonly number[], count: number, random: Random): number[] {
  const left = [...weights];
  return Array.from({ length: count }, () => {
    let rest = random.uniform() * left.reduce((a, b) => a + b);
    let drawn = left.findIndex((weight) => {
      rest -= weight;
      return rest < 0;
    });
    // Where rounding left nothing to be found, it is the last.
    if (drawn < 0) drawn = left.findLastIndex((weight) => weight > 0);
    left[drawn] = 0;
    return drawn;
  });
}

/** timm's `AugmentOp`, which draws in this order: whether at all, the level, its sign, the filter. */
function drawStep(
  [name, probability, magnitude]: PolicyStep,
  { std, most }: LevelNoise,
  { fill, interpolation }: AugmentOptions,
  random: Random,
): AugmentStep[] {
  if (probability < 1 && random.uniform() > probability) return [];
  let level = magnitude;
  if (std === Number.POSITIVE_INFINITY) level = magnitude * random.uniform();
  else if (std > 0) level = magnitude + std * random.normal();
  const { operation, argument: argumentOf }: Leveled = LEVELS[name];
  const argument = argumentOf(Math.max(0, Math.min(level, most)), random);
  let filter: AffineFilter = "bicubic";
  if (isGeometric(operation)) {
    filter = interpolation === "random" ? (["bilinear", "bicubic"] as const)[random.integer(2)]! : interpolation;
  }
  return [{ operation, argument, sampling: { filter, fill } }];
}
