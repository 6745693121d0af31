/**
 * What a classifier is to whoever uses one, in Node and in a browser alike: where an export describes itself, and how logits become
 * guesses.
 *
 * @module
 */
import { DataError } from "./errors.js";

/** Under what name an export's metadata hold the content of `model.json`. */
export const EXPORT_KEY = "fixres-model";

/** A class that a picture may show. */
export interface Guess {
  readonly class: string;
  /** In words, where the class is an id of ImageNet's. */
  readonly name?: string;
  readonly index: number;
  readonly probability: number;
}

/**
 * The likeliest classes by softmax, best first; of equal ones the lower comes first.
 * @param logits - of one picture [classes]  @param count - how many to give, at most
 * @throws {DataError} where a logit is not finite
 */
export function likeliest(logits: Float32Array, classes: readonly string[], count: number): Guess[] {
  const broken = logits.findIndex((logit) => !Number.isFinite(logit));
  if (broken >= 0) {
    throw new DataError(
      `the logit of class "${classes[broken]}" is ${logits[broken]}. The weights are likely damaged, or their training diverged.`,
    );
  }
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const exps = Array.from(logits, (value) => Math.exp(value - largest));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps
    .map((value, index) => ({ class: classes[index]!, index, probability: value / sum }))
    .sort((a, b) => b.probability - a.probability || a.index - b.index)
    .slice(0, count);
}
