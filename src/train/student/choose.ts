import { random } from "../../random.js";
import type { LabelColumns } from "./label-file.js";

/** How classes are given as many pictures as one another: by dropping, by repeating, by both, or not at all. */
export const BALANCES = ["both", "cut", "repeat", "none"] as const;
export type Balance = (typeof BALANCES)[number];

export interface ChoiceOptions {
  /** Least probability of the likeliest class, 0 to 1; a picture must be above it. */
  readonly threshold: number;
  readonly balance: Balance;
  /** Pictures a class is to have; the mean of those that passed, over the classes that have any and rounded up, if 0. */
  readonly perClass: number;
  /** Of which pictures are repeated. */
  readonly seed: number;
  /** Contents that no student may see: those of the validation. */
  readonly forbidden?: ReadonlySet<string>;
}

/** Pictures that a student learns from. */
export interface Choice {
  /** Rows of the labels, each once, in their order. */
  readonly rows: Int32Array;
  /** What a pass over the pictures takes, by index into `rows`: a picture of a small class several times. */
  readonly places: Int32Array;
  /** What a class is brought to; 0 where nothing is balanced. */
  readonly perClass: number;
  /** Of each class: pictures above the threshold, those of them that are taken, and their places. */
  readonly classes: readonly { readonly passed: number; readonly taken: number; readonly places: number }[];
  /** Rows whose pictures are of the validation too, and are left out. */
  readonly leaked: Int32Array;
}

/**
 * Chooses pseudo-labelled pictures as the paper does (arXiv 1911.04252, section 3.1: above 0.3, 130,000 a class): those above the
 * threshold, of each class the most confident N, and where a class has fewer, its pictures again and again, which of them once more being
 * chance. Of equally confident ones the earlier comes first.
 * @param classes - how many there are
 */
export function choose(
  { label, confidence, content }: Pick<LabelColumns, "label" | "confidence" | "content">,
  classes: number,
  { threshold, balance, perClass, seed, forbidden = new Set() }: ChoiceOptions,
): Choice {
  const passed: number[][] = Array.from({ length: classes }, () => []);
  const leaked: number[] = [];
  for (let row = 0; row < label.length; row++) {
    if (forbidden.has(content[row]!)) leaked.push(row);
    else if (confidence[row]! > threshold) passed[label[row]!]!.push(row);
  }
  const present = passed.filter((own) => own.length > 0);
  const total = present.reduce((sum, own) => sum + own.length, 0);
  const wanted = perClass > 0 ? perClass : Math.ceil(total / Math.max(present.length, 1));
  const cuts = balance === "both" || balance === "cut";
  const repeats = balance === "both" || balance === "repeat";
  const taken = passed.map((own) => {
    if (!cuts || own.length <= wanted) return own;
    return own.toSorted((a, b) => confidence[b]! - confidence[a]! || a - b).slice(0, wanted);
  });
  const rows = Int32Array.from(taken.flat()).sort();
  const placeOf = new Map(Array.from(rows, (row, place) => [row, place]));
  const found = taken.map((own, c) => {
    const again = repeats && own.length > 0 && own.length < wanted ? repeated(own, wanted - own.length, seed, c) : [];
    return [...own, ...again].map((row) => placeOf.get(row)!);
  });
  return {
    rows,
    places: Int32Array.from(found.flat()),
    perClass: balance === "none" ? 0 : wanted,
    classes: taken.map((own, c) => ({
      passed: passed[c]!.length,
      taken: own.length,
      places: found[c]!.length,
    })),
    leaked: Int32Array.from(leaked),
  };
}

/** Some rows of a class once more: all of them as often as one another, and which are taken once more than others is chance. */
function repeated(own: readonly number[], count: number, seed: number, label: number): number[] {
  const order = [...own];
  random(seed, "repeated", label).shuffle(order);
  return Array.from({ length: count }, (_, i) => order[i % order.length]!);
}
