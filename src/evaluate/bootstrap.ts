import { RequestError } from "../errors.js";
import { random } from "../random.js";
import { binOf, CALIBRATION_BINS } from "./calibration.js";
import type { Interval } from "./statistics.js";

/** How the pictures of an evaluation came out, in an order that all evaluations of a comparison share. */
export interface Outcomes {
  readonly correct: Uint8Array;
  readonly correct5: Uint8Array;
  readonly loss: Float64Array;
  /** Probability of the predicted class. */
  readonly confidence: Float64Array;
}

/** What resampling gives an interval of. */
export const RESAMPLED = ["top5", "loss", "ece"] as const;
export type Resampled = (typeof RESAMPLED)[number];

/** A difference of two evaluations, the second less the first. */
export interface Difference {
  readonly difference: number;
  /** 95% interval. */
  readonly ci95: Interval;
  /** Probability of one at least this far from 0 where the evaluations are of equal worth. */
  readonly pValue: number;
}

export interface BootstrapOptions {
  readonly resamples: number;
  readonly seed: number;
}

export const BOOTSTRAP_DEFAULTS: BootstrapOptions = { resamples: 2000, seed: 0 };

/**
 * Differences of pairs of evaluations by the paired percentile bootstrap (Efron and Tibshirani 1993, An Introduction to the
 * Bootstrap, sections 13.3 and 16.4): pictures are drawn with replacement, the same ones for every evaluation, and each statistic is
 * taken again. The interval reaches from the 2.5th to the 97.5th percentile of the differences; p = 2 min(#{d ≤ 0} + 1,
 * #{d ≥ 0} + 1) / (resamples + 1), at most 1.
 * @param pairs - indices of evaluations
 * @throws {RequestError} where there are no pictures, or fewer than 100 resamples
 */
export function pairedBootstrap(
  evaluations: readonly Outcomes[],
  pairs: readonly (readonly [number, number])[],
  { resamples, seed }: BootstrapOptions = BOOTSTRAP_DEFAULTS,
): Readonly<Record<Resampled, Difference>>[] {
  const n = evaluations[0]?.loss.length ?? 0;
  if (n === 0) throw new RequestError("no pictures to compare; at least 1 is needed.");
  if (!(Number.isSafeInteger(resamples) && resamples >= 100))
    throw new RequestError(`${resamples} resamples give no interval; give a whole number of 100 or more.`);
  const prepared = evaluations.map(prepare);
  const all = Uint32Array.from({ length: n }, (_, i) => i);
  const observed = prepared.map((own) => statistics(own, all));
  /** [resample, evaluation]. */
  const drawn: Readonly<Record<Resampled, number>>[][] = [];
  const stream = random(seed, "bootstrap");
  const picked = new Uint32Array(n);
  for (let b = 0; b < resamples; b++) {
    for (let i = 0; i < n; i++) picked[i] = stream.integer(n);
    drawn.push(prepared.map((own) => statistics(own, picked)));
  }
  return pairs.map(([a, b]) => {
    const of = (what: Resampled): Difference =>
      summary(
        observed[b]![what] - observed[a]![what],
        Float64Array.from(drawn, (resample) => resample[b]![what] - resample[a]![what]),
      );
    return { top5: of("top5"), loss: of("loss"), ece: of("ece") };
  });
}

/** What the statistics need of each picture. */
interface Prepared {
  readonly correct5: Uint8Array;
  readonly loss: Float64Array;
  readonly bin: Uint8Array;
  /** Whether it is right less its confidence: the calibration error is the sum over bins of the absolute sum of these, by n. */
  readonly gap: Float64Array;
}

const prepare = ({ correct, correct5, loss, confidence }: Outcomes): Prepared => ({
  correct5,
  loss,
  bin: Uint8Array.from(confidence, binOf),
  gap: Float64Array.from(confidence, (value, i) => correct[i]! - value),
});

function statistics({ correct5, loss, bin, gap }: Prepared, picked: Uint32Array): Readonly<Record<Resampled, number>> {
  const n = picked.length;
  const gaps = new Float64Array(CALIBRATION_BINS);
  let [right, sum] = [0, 0];
  for (let i = 0; i < n; i++) {
    const k = picked[i]!;
    right += correct5[k]!;
    sum += loss[k]!;
    gaps[bin[k]!]! += gap[k]!;
  }
  return { top5: right / n, loss: sum / n, ece: gaps.reduce((total, value) => total + Math.abs(value), 0) / n };
}

function summary(difference: number, drawn: Float64Array): Difference {
  const sorted = drawn.toSorted();
  const count = (keep: (value: number) => boolean): number =>
    drawn.reduce((sum, value) => sum + Number(keep(value)), 0);
  const tail = Math.min(
    count((value) => value <= 0),
    count((value) => value >= 0),
  );
  return {
    difference,
    ci95: [percentile(sorted, 0.025), percentile(sorted, 0.975)],
    pValue: Math.min(1, (2 * (tail + 1)) / (drawn.length + 1)),
  };
}

/** The value below which a share of sorted ones lies, with what lies between two drawn straight. */
function percentile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (at - Math.floor(at)) * (high - low);
}
