import { DataError, NotFiniteError, RequestError } from "../errors.js";

/** The right answers of a picture: its class, or a set of classes each of which is right. */
export type Truth = number | readonly number[];

/** How many of the likeliest classes are kept of a picture. */
export const TOP = 5;

/** How each picture of a batch came out. */
export interface Scores {
  readonly truth: readonly Truth[];
  /** 1 where the class of the largest logit is right. */
  readonly top1: Uint8Array;
  /** 1 where one of the classes with the five largest logits is right. */
  readonly top5: Uint8Array;
  /** Cross-entropy, nats: -ln of the probability given to the right class, or to all right classes together. */
  readonly loss: Float64Array;
  /** Class of the largest logit. */
  readonly prediction: Int32Array;
  /** The likeliest classes, best first, [N, min(5, classes)]. */
  readonly top: Int32Array;
  /** Their probabilities by softmax. */
  readonly probability: Float64Array;
}

/**
 * Scores the pictures of a batch. Between equal logits the lower class wins, as in `torch.argmax`; with fewer than five
 * classes top-5 is always right. The loss is log Σ exp(logits) - logits[label], in float64 and after subtracting the
 * largest, so that it cannot overflow; with several right classes, log Σ exp(logits) - log Σ exp(logits of those).
 * @param logits - [N, classes], N at least `count`
 * @param truth - a class, or a set of classes, for each picture, at least `count`
 * @param count - pictures that count; rows behind them only fill the batch
 * @throws {DataError} where a logit is not finite, a label is no class or a set is empty
 * @throws {RequestError} where the arrays are too short
 */
export function scoreLogits(
  logits: Float32Array | Float64Array,
  truth: ArrayLike<Truth>,
  count: number,
  classes: number,
): Scores {
  if (!(Number.isInteger(count) && count >= 0 && count <= truth.length && count * classes <= logits.length)) {
    throw new RequestError(
      `${count} pictures of ${classes} classes cannot be scored from ${logits.length} logits and ${truth.length} labels.`,
    );
  }
  const kept = Math.min(TOP, classes);
  const scores = {
    truth: Array.from({ length: count }, (_, i) => truth[i]!),
    top1: new Uint8Array(count),
    top5: new Uint8Array(count),
    loss: new Float64Array(count),
    prediction: new Int32Array(count),
    top: new Int32Array(count * kept),
    probability: new Float64Array(count * kept),
  };
  for (let i = 0; i < count; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const right = rightClasses(scores.truth[i]!, i, classes);
    assertFinite(row, i);
    const top = scores.top.subarray(i * kept, (i + 1) * kept);
    largest(row, top);
    const max = row[top[0]!]!;
    const logSum = logSumExp(row, max);
    scores.prediction[i] = top[0]!;
    scores.top1[i] = right.includes(top[0]!) ? 1 : 0;
    scores.top5[i] = top.some((j) => right.includes(j)) ? 1 : 0;
    const own = Float64Array.from(right, (j) => row[j]!);
    scores.loss[i] = Math.max(0, logSum - (own.length === 1 ? own[0]! : logSumExp(own, Math.max(...own))));
    for (const [k, j] of top.entries()) scores.probability[i * kept + k] = Math.exp(row[j]! - logSum);
  }
  return scores;
}

function rightClasses(truth: Truth, i: number, classes: number): readonly number[] {
  const right = typeof truth === "number" ? [truth] : truth;
  if (right.length === 0) throw new DataError(`picture ${i} of the batch has no label; leave such pictures out.`);
  for (const label of right) {
    if (label >= 0 && label < classes && Number.isInteger(label)) continue;
    throw new DataError(
      `picture ${i} of the batch has label ${label}, but the model has ${classes} classes (0 to ${classes - 1}); give data of the same classes.`,
    );
  }
  return right;
}

function assertFinite(row: Float32Array | Float64Array, i: number): void {
  for (let j = 0; j < row.length; j++) {
    if (Number.isFinite(row[j])) continue;
    throw new NotFiniteError(
      `picture ${i} of the batch cannot be scored: its logit of class ${j} is ${row[j]}. The weights are likely damaged, or their training diverged.`,
    );
  }
}

/** Fills `into` with the classes of the largest logits, best first; between equal ones the lower comes first. */
function largest(row: Float32Array | Float64Array, into: Int32Array): void {
  const last = into.length - 1;
  let found = 0;
  for (let j = 0; j < row.length; j++) {
    const value = row[j]!;
    if (found === into.length && !(value > row[into[last]!]!)) continue;
    let k = found < into.length ? found++ : last;
    for (; k > 0 && value > row[into[k - 1]!]!; k--) into[k] = into[k - 1]!;
    into[k] = j;
  }
}

function logSumExp(row: Float32Array | Float64Array, max: number): number {
  let sum = 0;
  for (let j = 0; j < row.length; j++) sum += Math.exp(row[j]! - max);
  return max + Math.log(sum);
}
