import { DataError, RequestError } from "../errors.js";
import { type Interval, wilson } from "./statistics.js";

/** How each picture of a batch came out. */
export interface Scores {
  /** 1 where the label has the largest logit. */
  readonly top1: Uint8Array;
  /** 1 where the label is among the five largest logits. */
  readonly top5: Uint8Array;
  /** Cross-entropy, nats. */
  readonly loss: Float64Array;
  /** Class of the largest logit. */
  readonly prediction: Int32Array;
}

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
  /** @param samples - index of each picture in its source, where pictures may arrive out of order */
  add(scores: Scores, samples?: ArrayLike<number>): void;
  /** @throws {DataError} where no picture was scored */
  result(): Accuracy;
  /** 1 for each picture whose class came first: in the order of `samples` where those are known, else as added. */
  correct(): Uint8Array;
}

/**
 * Scores the pictures of a batch. Between equal logits the lower class wins, as in `torch.argmax`; with fewer than five
 * classes top-5 is always right. The loss is log Σ exp(logits) - logits[label], in float64 and after subtracting the
 * largest, so that it cannot overflow.
 * @param logits - [N, classes], N at least `count`
 * @param labels - a class for each picture, at least `count`
 * @param count - pictures that count; rows behind them only fill the batch
 * @throws {DataError} where a logit is not finite or a label is no class
 * @throws {RequestError} where the arrays are too short
 */
export function scoreLogits(logits: Float32Array, labels: Int32Array, count: number, classes: number): Scores {
  if (!(Number.isInteger(count) && count >= 0 && count <= labels.length && count * classes <= logits.length)) {
    throw new RequestError(
      `${count} pictures of ${classes} classes cannot be scored from ${logits.length} logits and ${labels.length} labels.`,
    );
  }
  const scores = {
    top1: new Uint8Array(count),
    top5: new Uint8Array(count),
    loss: new Float64Array(count),
    prediction: new Int32Array(count),
  };
  for (let i = 0; i < count; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const label = labels[i]!;
    if (!(label >= 0 && label < classes)) {
      throw new DataError(
        `picture ${i} of the batch has label ${label}, but the model has ${classes} classes (0 to ${classes - 1}); give data of the same classes.`,
      );
    }
    const broken = row.findIndex((logit) => !Number.isFinite(logit));
    if (broken >= 0) {
      throw new DataError(
        `picture ${i} of the batch cannot be scored: its logit of class ${broken} is ${row[broken]}. The weights are likely damaged, or their training diverged.`,
      );
    }
    const best = largest(row);
    const place = rank(row, label);
    scores.prediction[i] = best;
    scores.top1[i] = place < 1 ? 1 : 0;
    scores.top5[i] = place < 5 ? 1 : 0;
    scores.loss[i] = logSumExp(row, row[best]!) - row[label]!;
  }
  return scores;
}

function largest(row: Float32Array): number {
  let best = 0;
  for (let j = 1; j < row.length; j++) if (row[j]! > row[best]!) best = j;
  return best;
}

/** Number of classes that come before `label`. */
function rank(row: Float32Array, label: number): number {
  const own = row[label]!;
  let before = 0;
  for (let j = 0; j < row.length; j++) if (row[j]! > own || (row[j]! === own && j < label)) before++;
  return before;
}

function logSumExp(row: Float32Array, max: number): number {
  let sum = 0;
  for (const logit of row) sum += Math.exp(logit - max);
  return max + Math.log(sum);
}

/** An empty tally. Batches of any size, padded or not, give the same result as one picture at a time. */
export function tally(): Tally {
  const correct: number[] = [];
  const order: number[] = [];
  let top1 = 0;
  let top5 = 0;
  let loss = 0;
  return {
    add(scores, samples) {
      const count = scores.top1.length;
      if (samples !== undefined && samples.length < count) {
        throw new RequestError(`${count} pictures were scored, but ${samples.length} are named.`);
      }
      for (let i = 0; i < count; i++) {
        order.push(samples?.[i] ?? correct.length);
        correct.push(scores.top1[i]!);
        top1 += scores.top1[i]!;
        top5 += scores.top5[i]!;
        loss += scores.loss[i]!;
      }
    },
    result() {
      const n = correct.length;
      if (n === 0)
        throw new DataError("no picture was scored, so there is no accuracy; give at least one that can be read.");
      return { top1: top1 / n, top5: top5 / n, loss: loss / n, n, ci95: wilson(top1, n) };
    },
    correct() {
      const places = order.map((_, i) => i).sort((a, b) => order[a]! - order[b]!);
      return Uint8Array.from(places, (i) => correct[i]!);
    },
  };
}
