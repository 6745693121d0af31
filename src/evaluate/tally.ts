import { DataError, RequestError } from "../errors.js";
import type { Scores } from "./metrics.js";
import { type Interval, wilson } from "./statistics.js";
import { exactSum } from "./sum.js";

/** Accuracy over pictures; shares are fractions. */
export interface Accuracy {
  readonly top1: number;
  readonly top5: number;
  /** Mean cross-entropy, nats. */
  readonly loss: number;
  /** Pictures. */
  readonly n: number;
  /** Wilson's 95% interval of `top1`. */
  readonly ci95: Interval;
}

/** Sums over the pictures scored so far. */
export interface Tally {
  /**
   * @param samples - index of each picture in its source, where pictures may arrive out of order
   * @throws {RequestError} where a picture was scored already
   */
  add(scores: Pick<Scores, "top1" | "top5" | "loss">, samples?: ArrayLike<number>): void;
  /** @throws {DataError} where no picture was scored */
  result(): Accuracy;
  /** 1 for each picture whose class came first: in the order of `samples` where those are known, else as added. */
  correct(): Uint8Array;
}

/** What is kept of each picture: nothing yet, or how it came out. */
const WRONG = 1;
const RIGHT = 2;

/**
 * An empty tally. Batches of any size, padded or not and in any order, give the same result as one picture at a time. It keeps a
 * byte a picture.
 */
export function tally(): Tally {
  let marks = new Uint8Array(256);
  let n = 0;
  let top1 = 0;
  let top5 = 0;
  const loss = exactSum();
  const mark = (sample: number, right: number): void => {
    if (sample >= marks.length) {
      const grown = new Uint8Array(Math.max(2 * marks.length, sample + 1));
      grown.set(marks);
      marks = grown;
    }
    if (marks[sample] !== 0) throw new RequestError(`picture ${sample} was scored twice; score each once.`);
    marks[sample] = right === 1 ? RIGHT : WRONG;
  };
  return {
    add(scores, samples) {
      const count = scores.top1.length;
      if (samples !== undefined && samples.length < count) {
        throw new RequestError(`${count} pictures were scored, but ${samples.length} are named.`);
      }
      for (let i = 0; i < count; i++) {
        mark(samples?.[i] ?? n, scores.top1[i]!);
        n++;
        top1 += scores.top1[i]!;
        top5 += scores.top5[i]!;
        loss.add(scores.loss[i]!);
      }
    },
    result() {
      if (n === 0)
        throw new DataError("no picture was scored, so there is no accuracy; give at least one that can be read.");
      return { top1: top1 / n, top5: top5 / n, loss: loss.value() / n, n, ci95: wilson(top1, n) };
    },
    correct: () => marks.filter((value) => value !== 0).map((value) => (value === RIGHT ? 1 : 0)),
  };
}
