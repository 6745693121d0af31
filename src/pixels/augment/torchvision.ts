import type { Random } from "../../random.js";
import type { AugmentStep, Operation } from "./operations.js";
import { POLICIES } from "./policies.js";

/** torchvision's defaults: geometry by the nearest pixel, black outside. */
const SAMPLING = { filter: "nearest", fill: [0, 0, 0] } as const;

/** Entry `i` of `torch.linspace(from, end, 10)`, in floats. */
function tenth(from: number, end: number, i: number): number {
  const to = Math.fround(end);
  const step = Math.fround((to - from) / 9);
  return Math.fround(i < 5 ? from + step * i : to - step * (9 - i));
}

/** What torchvision hands to an operation at a level. */
function argumentOf(operation: Operation, level: number, sign: number): number {
  switch (operation) {
    case "Rotate":
      return sign * tenth(0, 30, level);
    case "ShearX":
      return sign * tenth(0, 0.3, level);
    case "Color":
    case "Contrast":
    case "Sharpness":
      return 1 + sign * tenth(0, 0.9, level);
    case "Posterize":
      return 8 - Math.round((level * 4) / 9);
    case "Solarize":
      return tenth(255, 0, level);
    default:
      return 0;
  }
}

/**
 * Draws from torchvision's `AutoAugment` with its policy for ImageNet: the policy is timm's `original`; how strong its levels are, its
 * filter and its colour are torchvision's. In its order: the sub-policy, two probabilities, two signs.
 */
export function torchvisionAutoAugment(random: Random): AugmentStep[] {
  const steps = POLICIES.original[random.integer(POLICIES.original.length)]!;
  const shares = steps.map(() => random.uniform());
  const signs = steps.map(() => (random.integer(2) === 0 ? -1 : 1));
  return steps.flatMap(([name, probability, level], i) => {
    if (shares[i]! > probability) return [];
    const operation = name === "PosterizeOriginal" ? "Posterize" : (name as Operation);
    return [{ operation, argument: argumentOf(operation, level, signs[i]!), sampling: SAMPLING }];
  });
}
