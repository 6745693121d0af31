import {
  type Batch,
  joinSources,
  type MixedBatch,
  random,
  type Source,
  type Splits,
  sampledOrder,
} from "../../data/index.js";
import { RequestError } from "../../errors.js";
import { stepsPerEpoch } from "../length.js";
import type { TrainOptions } from "../options.js";
import { batchFeeds, type Feeds, isMixed, mixed } from "../pictures.js";
import { rowsOfStep } from "./options.js";
import type { Taught } from "./taught.js";

/** What a run trains by: labelled pictures in two parts and, for a student, those that its teacher labelled. */
export interface TrainingData extends Splits {
  readonly taught?: Taught;
}

/** What the steps of a run take, and in what order. */
export interface Lesson {
  /** All pictures: labelled ones, and behind them those that the teacher labelled. */
  readonly source: Source;
  /** Pictures a step. */
  readonly rows: number;
  /** Samples of the source that an epoch takes, whole steps of them. @param epoch - from 0 */
  order(epoch: number): Int32Array;
  /** What a step is fed of a batch. */
  feeds(batch: Batch, epoch: number): Feeds;
}

/** @throws {RequestError} where the options ask for a teacher's labels and there are none, or the other way about */
export function lessonOf(data: TrainingData, options: TrainOptions): Lesson {
  const { seed, sampling, unlabelledRatio } = options;
  const { train, taught } = data;
  const labelledOrder = (epoch: number): Int32Array => sampledOrder(train, sampling, { seed, epoch });
  if (unlabelledRatio === 0 && taught === undefined)
    return {
      source: train,
      rows: options.batchSize,
      order: labelledOrder,
      feeds: (batch, epoch) => batchFeeds(batch, options, epoch),
    };
  if (taught === undefined)
    throw new RequestError(
      `unlabelledRatio is ${unlabelledRatio}, but there are no pictures that a teacher labelled; give a teacher and unlabelled pictures.`,
    );
  if (unlabelledRatio === 0)
    throw new RequestError("there are pictures that a teacher labelled, but unlabelledRatio is 0; give one such as 3.");
  const rows = rowsOfStep(options);
  const steps = stepsPerEpoch(train, options);
  const targetOf = targets(data as Required<TrainingData>, options);
  return {
    source: joinSources(train, taught.source),
    rows,
    order: (epoch) => {
      const unlabelled = rows - options.batchSize;
      const theirs = passes(taught.places, { from: epoch * steps * unlabelled, count: steps * unlabelled, seed });
      return interleaved(labelledOrder(epoch), theirs, { steps, own: options.batchSize, first: train.samples.length });
    },
    feeds: (batch, epoch) => {
      const { pixels, labels, otherLabels, lambda } = isMixed(options) ? mixed(batch, options, epoch) : unmixed(batch);
      const n = batch.count;
      const classes = train.classes.length;
      const own = new Float32Array(n * classes);
      for (let i = 0; i < n; i++) targetOf(batch.samples[i]!, own.subarray(i * classes, (i + 1) * classes));
      // As `mixBatch` mixes pixels: row i with row n - 1 - i.
      const fed = own.map((value, at) => {
        const share = lambda[Math.floor(at / classes)]!;
        const other = (n - 1 - Math.floor(at / classes)) * classes + (at % classes);
        return share === 1 ? value : share * value + (1 - share) * own[other]!;
      });
      return { pixels, labels: labels.map((label, i) => (lambda[i]! >= 0.5 ? label : otherLabels[i]!)), targets: fed };
    },
  };
}

const unmixed = (batch: Batch): Pick<MixedBatch, "pixels" | "labels" | "otherLabels" | "lambda"> => ({
  ...batch,
  otherLabels: batch.labels,
  lambda: new Float32Array(batch.labels.length).fill(1),
});

/**
 * Writes the distribution that a sample is to be given: its label, smoothed, or, where the teacher's are soft, the teacher's probabilities
 * as they are (as in the authors' code).
 */
function targets(
  { train, taught }: Required<TrainingData>,
  { labelSmoothing }: TrainOptions,
): (sample: number, into: Float32Array) => void {
  const { length } = train.samples;
  const { classes } = train;
  const labels = Int32Array.from([train, taught.source].flatMap(({ samples }) => Array.from(samples, (s) => s.label)));
  return (sample, into) => {
    if (sample >= length && taught.probabilities !== null) {
      const start = (sample - length) * classes.length;
      into.set(taught.probabilities.subarray(start, start + classes.length));
    } else {
      into.fill(labelSmoothing / classes.length);
      into[labels[sample]!]! += 1 - labelSmoothing;
    }
  };
}

/** A part of an endless row of passes over places, each pass in an order of its own. */
export function passes(
  places: Int32Array,
  { from, count, seed }: { readonly from: number; readonly count: number; readonly seed: number },
): Int32Array {
  const found = new Int32Array(count);
  let pass = -1;
  let order = places;
  for (let i = 0; i < count; i++) {
    const own = Math.floor((from + i) / places.length);
    if (own !== pass) {
      pass = own;
      order = places.slice();
      random(seed, "unlabelled", pass).shuffle(order);
    }
    found[i] = order[(from + i) % places.length]!;
  }
  return found;
}

/** Steps of so many labelled pictures and, behind them, their share of the others. @param first - the sample that place 0 is */
function interleaved(
  labelled: Int32Array,
  others: Int32Array,
  { steps, own, first }: { readonly steps: number; readonly own: number; readonly first: number },
): Int32Array {
  const each = others.length / steps;
  const order = new Int32Array(steps * (own + each));
  for (let step = 0; step < steps; step++) {
    const at = step * (own + each);
    order.set(labelled.subarray(step * own, (step + 1) * own), at);
    for (let i = 0; i < each; i++) order[at + own + i] = first + others[step * each + i]!;
  }
  return order;
}
