import { RequestError } from "../errors.js";

/** Lower and upper end of an interval. */
export type Interval = readonly [low: number, high: number];

/** What a change did to accuracy, measured on the same pictures before and after. */
export interface PairedGain {
  /** Accuracy after less accuracy before, in [-1, 1]. */
  readonly gain: number;
  /** 95% interval of the gain. */
  readonly ci95: Interval;
  /** Probability of a gain or loss at least this large where the change does nothing. */
  readonly pValue: number;
  /** Pictures wrong before and right after. */
  readonly gained: number;
  /** Pictures right before and wrong after. */
  readonly lost: number;
  /** Pictures. */
  readonly n: number;
}

/**
 * Wilson's score interval of a proportion: (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n). Unlike the usual
 * p ± z √(p(1 - p)/n) it stays within [0, 1] and holds its level at 0 and at 1 (Newcombe 1998, Statistics in Medicine
 * 17, 857-872, method 3).
 * @param confidence - probability that such intervals hold the true proportion, in (0, 1)
 * @throws {RequestError} where `n` is 0 or the numbers are no counts
 * @example wilson(81, 263) // [0.2553, 0.3662]
 */
export function wilson(successes: number, n: number, confidence = 0.95): Interval {
  if (!(Number.isInteger(n) && n > 0)) {
    throw new RequestError(`an interval of ${n} trials cannot be given; at least 1 is needed.`);
  }
  if (!(Number.isInteger(successes) && successes >= 0 && successes <= n)) {
    throw new RequestError(`${successes} successes in ${n} trials are impossible; give a whole number from 0 to ${n}.`);
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw new RequestError(`the confidence is ${confidence}; give a number between 0 and 1, such as 0.95.`);
  }
  const z = normalQuantile((1 + confidence) / 2);
  const p = successes / n;
  const center = p + z ** 2 / (2 * n);
  const spread = z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2));
  const scale = 1 + z ** 2 / n;
  // At the ends the bound is exact, which rounding would miss by a hair.
  return [successes === 0 ? 0 : (center - spread) / scale, successes === n ? 1 : (center + spread) / scale];
}

/**
 * McNemar's exact test: the two-sided probability of a split at least as uneven as this one where each picture that
 * changed was as likely to be gained as lost, 2 P(X ≤ min(gained, lost)) with X binomial (gained + lost, 1/2), at most 1.
 * @param gained - pairs that changed one way  @param lost - pairs that changed the other way
 * @throws {RequestError} where these are no counts
 */
export function mcnemar(gained: number, lost: number): number {
  for (const count of [gained, lost]) {
    if (!(Number.isSafeInteger(count) && count >= 0)) {
      throw new RequestError(`${count} pairs cannot have changed; give a whole number of at least 0.`);
    }
  }
  const n = gained + lost;
  const k = Math.min(gained, lost);
  if (gained === lost) return 1;
  // C(n, k) as mantissa times 2^exponent: it leaves the range of numbers from n = 1030 on, and sums of logarithms
  // would lose digits with n.
  let mantissa = 1;
  let exponent = 0;
  for (let i = 1; i <= k; i++) {
    mantissa *= (n - k + i) / i;
    if (mantissa > 2 ** 500) {
      mantissa *= 2 ** -500;
      exponent += 500;
    }
  }
  // The tail in units of its largest term; C(n, i - 1) / C(n, i) = i / (n - i + 1).
  let tail = 0;
  for (let i = k, term = 1; i >= 0 && term > tail * Number.EPSILON; i--) {
    tail += term;
    term *= i / (n - i + 1);
  }
  return Math.min(1, 2 * tail * scaled(mantissa, exponent - n));
}

/** value · 2^exponent, where the power alone may be below the range of numbers. */
function scaled(value: number, exponent: number): number {
  const half = Math.trunc(exponent / 2);
  return value * 2 ** half * 2 ** (exponent - half);
}

/**
 * The gain of a change with its interval and p-value, from whether each picture was right before and after. Interval:
 * Newcombe's method 10 for paired proportions, Wilson's intervals joined by the correlation of the pairs with its
 * continuity correction (Newcombe 1998, Statistics in Medicine 17, 2635-2650). p-value: `mcnemar`.
 * @param before - 1 where the picture was right, else 0
 * @param after - the same pictures in the same order
 * @throws {RequestError} where there are no pictures, the lengths differ, or a value is neither 0 nor 1
 */
export function pairedGain(before: ArrayLike<number>, after: ArrayLike<number>): PairedGain {
  const n = before.length;
  if (after.length !== n) {
    throw new RequestError(`${n} pictures before and ${after.length} after cannot be paired; score the same ones.`);
  }
  if (n === 0) throw new RequestError("no pictures to compare; at least 1 pair is needed.");
  const counts = { right: 0, lost: 0, gained: 0, wrong: 0 };
  for (let i = 0; i < n; i++) counts[cell(before, after, i)]++;
  const { right, lost, gained, wrong } = counts;

  const accuracy = { before: (right + lost) / n, after: (right + gained) / n };
  const [low1, high1] = wilson(right + gained, n);
  const [low0, high0] = wilson(right + lost, n);
  const phi = correlation(right, lost, gained, wrong);
  const gain = (gained - lost) / n;
  const distance = (a: number, b: number): number => Math.sqrt(Math.max(0, a ** 2 - 2 * phi * a * b + b ** 2));
  return {
    gain,
    ci95: [
      Math.max(-1, gain - distance(accuracy.after - low1, high0 - accuracy.before)),
      Math.min(1, gain + distance(high1 - accuracy.after, accuracy.before - low0)),
    ],
    pValue: mcnemar(gained, lost),
    gained,
    lost,
    n,
  };
}

function cell(before: ArrayLike<number>, after: ArrayLike<number>, i: number): "right" | "lost" | "gained" | "wrong" {
  const [a, b] = [before[i], after[i]];
  for (const value of [a, b]) {
    if (value !== 0 && value !== 1) {
      throw new RequestError(`picture ${i} is scored ${value}; give 1 where it is right and 0 where it is wrong.`);
    }
  }
  return a === 1 ? (b === 1 ? "right" : "lost") : b === 1 ? "gained" : "wrong";
}

/** φ of a 2x2 table, as method 10 takes it: a positive one is drawn n/2 towards 0, and an empty margin makes it 0. */
function correlation(a: number, b: number, c: number, d: number): number {
  const margins = (a + b) * (c + d) * (a + c) * (b + d);
  if (margins === 0) return 0;
  const product = a * d - b * c;
  return (product > 0 ? Math.max(0, product - (a + b + c + d) / 2) : product) / Math.sqrt(margins);
}

/**
 * The number that a standard normal variable stays below with probability `p`, in [0.5, 1): Newton's method on
 * Φ(x) = 1/2 + φ(x) (x + x³/3 + x⁵/15 + …) (Marsaglia 2004, Journal of Statistical Software 11(4)). From 0 it climbs to
 * the root without overshooting, since Φ is concave there.
 */
function normalQuantile(p: number): number {
  let x = 0;
  for (let step = 1; step > 1e-15 * x; x += step) {
    const density = Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);
    let series = x;
    for (let term = x, i = 3; term > series * Number.EPSILON; i += 2) {
      term *= x ** 2 / i;
      series += term;
    }
    step = (p - 0.5) / density - series;
  }
  return x;
}
