import { RequestError } from "../../errors.js";
import type { LevelName, LevelNoise } from "./levels.js";
import { RAND_CHOICES, RAND_INCREASING_CHOICES, RAND_SETS, type WeightedChoices } from "./policies.js";
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
 * Reads a RandAugment as timm writes it, sections in any order: `m` the level (10 unless given), `n`
 * operations a picture (2), `p` the probability of each (0.5), `mstd` standard deviation of the level (0; above 100 it is uniform
 * up to the level), `mmax` the highest level (10), `inc1` the operations that get stronger with their level, and
 * `tweights`, `t3a` and `t3aw` a set of `RAND_SETS` in the place of either.
 * @throws {RequestError} for a section that is not known or a value that cannot be
 */
export function parseRandAugment(text: string): RandAugment {
  let [magnitude, layers, probability, std, most] = [10, 2, 0.5, 0, 10];
  let choices: readonly LevelName[] | WeightedChoices | null = null;
  let increasing = false;
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
      default:
        choices ??= setOf(text, section);
    }
  }
  if (probability > 1) throw new RequestError(`"${text}": the probability p is ${probability}; give one from 0 to 1.`);
  choices ??= increasing ? RAND_INCREASING_CHOICES : RAND_CHOICES;
  const weighted = typeof choices[0] !== "string";
  if (weighted && layers > choices.length) {
    throw new RequestError(
      `"${text}": n is ${layers}, but its set has ${choices.length} operations, each once a picture.`,
    );
  }
  return {
    magnitude,
    layers,
    probability,
    std: std > 100 ? Number.POSITIVE_INFINITY : std,
    most,
    choices: choices.map((choice) => (typeof choice === "string" ? choice : choice[0])),
    weights: weighted ? (choices as WeightedChoices).map(([, weight]) => weight) : null,
  };
}

function setOf(text: string, section: string): readonly LevelName[] | WeightedChoices {
  const name = section.slice(1);
  if (section.startsWith("t") && Object.hasOwn(RAND_SETS, name)) return RAND_SETS[name as keyof typeof RAND_SETS];
  throw new RequestError(
    `"${text}" has the unknown section "${section}"; known are m, n, p, mstd, mmax and inc, each with a number behind it ` +
      `(rand-m9-n2-mstd0.5-inc1), and ${Object.keys(RAND_SETS)
        .map((set) => `t${set}`)
        .join(", ")}${/^w\d/.test(section) ? "; timm has tweights in the place of w" : ""}.`,
  );
}
