import { DataError } from "../errors.js";
import { type Interval, wilson } from "./statistics.js";

/** What each picture of a batch came to. */
export interface Scores {
  /** The class of the largest logit; the lower index wins a tie, as in PyTorch. */
  readonly prediction: Int32Array;
  /** 1 where the picture's class came first. */
  readonly top1: Uint8Array;
  /** 1 where it was among the first five. */
  readonly top5: Uint8Array;
  /** Cross-entropy, without label smoothing. */
  readonly loss: Float64Array;
}

/**
 * Scores the first `count` rows of a batch, so that padding changes nothing.
 * @param logits - [N, classes]  @param labels - the class of each row, in 0..classes-1
 * @throws {DataError} where a logit is NaN: such a picture has no prediction
 */
export function scoreLogits(logits: Float32Array, labels: Int32Array, count: number, classes: number): Scores {
  const prediction = new Int32Array(count);
  const top1 = new Uint8Array(count);
  const top5 = new Uint8Array(count);
  const loss = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const label = labels[i]!;
    const own = row[label]!;
    let best = 0;
    let before = 0;
    for (let c = 0; c < classes; c++) {
      const value = row[c]!;
      if (Number.isNaN(value))
        throw new DataError(`the model gives NaN for class ${c}; its weights are damaged or diverged.`);
      if (value > row[best]!) best = c;
      if (value > own || (value === own && c < label)) before++;
    }
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += Math.exp(row[c]! - row[best]!);
    prediction[i] = best;
    top1[i] = Number(before === 0);
    top5[i] = Number(before < 5);
    loss[i] = Math.log(sum) + row[best]! - own;
  }
  return { prediction, top1, top5, loss };
}

/** Accuracy over pictures; fractions, not percentages. */
export interface Accuracy {
  readonly top1: number;
  readonly top5: number;
  /** Mean cross-entropy. */
  readonly loss: number;
  /** Pictures counted. */
  readonly n: number;
  /** Wilson's 95% interval of top1. */
  readonly ci95: Interval;
}

/** Sums of scores over batches. */
export interface Tally {
  add(scores: Scores): void;
  /** NaN and [0, 1] where nothing was added. */
  result(): Accuracy;
  /** 1 for each picture whose class came first, in the order in which they were added. */
  correct(): Uint8Array;
}

export function tally(): Tally {
  const parts: Uint8Array[] = [];
  const sums = { n: 0, top1: 0, top5: 0, loss: 0 };
  return {
    add({ top1, top5, loss }) {
      parts.push(top1);
      for (let i = 0; i < top1.length; i++) {
        sums.n++;
        sums.top1 += top1[i]!;
        sums.top5 += top5[i]!;
        sums.loss += loss[i]!;
      }
    },
    result: () => ({
      top1: sums.top1 / sums.n,
      top5: sums.top5 / sums.n,
      loss: sums.loss / sums.n,
      n: sums.n,
      ci95: sums.n === 0 ? [0, 1] : wilson(sums.top1, sums.n),
    }),
    correct: () => Uint8Array.from(parts.flatMap((part) => [...part])),
  };
}
