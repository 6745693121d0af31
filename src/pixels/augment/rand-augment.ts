import { RequestError } from "../../errors.js";
import type { LevelName, LevelNoise } from "./levels.js";
import { RAND_CHOICES, RAND_INCREASING_CHOICES, RAND_WEIGHTS } from "./policies.js";
import { numberOf, sectionOf, wholeOf } from "./sections.js";

/** A RandAugment. */
export interface RandAugment extends LevelNoise {
  /** Level of all operations. */
  readonly magnitude: number;
  /** How many operations a picture gets. */
  readonly layers: number;
  /** With which each of them is done. */
  readonly probability: number;
  readonly choices: readonly LevelName[];
  /** How often each is chosen, then without replacement; null is equally often. */
  readonly weights: readonly number[] | null;
}

/**
 * Reads a RandAugment as timm writes it, sections in any order, the last of a kind counting: `m` the level (10 unless given), `n`
 * operations a picture (2), `p` the probability of each (0.5), `mstd` standard deviation of the level (0; above 100 it is uniform
 * up to the level), `mmax` the highest level (10), `inc1` the operations that get stronger with their level, `tweights` weighted ones.
 * @throws {RequestError} for a section that is not known or a value that cannot be
 */
export function parseRandAugment(text: string): RandAugment {
  let [magnitude, layers, probability, std, most, increasing, weighted] = [10, 2, 0.5, 0, 10, false, false];
  for (const section of text.split("-").slice(1)) {
    const [key, value] = sectionOf(section);
    switch (key) {
      case "m":
        magnitude = wholeOf(text, section, value);
        break;
      case "n":
        layers = wholeOf(text, section, value, 1);
        break;
      case "p":
        probability = numberOf(text, section, value);
        break;
      case "mstd":
        std = numberOf(text, section, value);
        break;
      case "mmax":
        most = wholeOf(text, section, value, 1);
        break;
      case "inc":
        increasing = wholeOf(text, section, value) > 0;
        break;
      case "tweights":
        weighted = true;
        break;
      default:
        throw new RequestError(
          `"${text}" has the unknown section "${section}"; known are m, n, p, mstd, mmax and inc, each with a number behind it ` +
            `(rand-m9-n2-mstd0.5-inc1), and tweights${key === "w" ? ", which took the place of w in timm" : ""}.`,
        );
    }
  }
  if (probability > 1) throw new RequestError(`"${text}": the probability p is ${probability}; give one from 0 to 1.`);
  const choices = weighted ? RAND_WEIGHTS.map(([name]) => name) : increasing ? RAND_INCREASING_CHOICES : RAND_CHOICES;
  if (weighted && layers > choices.length) {
    throw new RequestError(
      `"${text}": n is ${layers}, but tweights has ${choices.length} operations, each once a picture.`,
    );
  }
  return {
    magnitude,
    layers,
    probability,
    std: std > 100 ? Number.POSITIVE_INFINITY : std,
    most,
    choices,
    weights: weighted ? RAND_WEIGHTS.map(([, weight]) => weight) : null,
  };
}
