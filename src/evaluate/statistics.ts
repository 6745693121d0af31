import { RequestError } from "../errors.js";

/** Lower and upper end. */
export type Interval = readonly [number, number];

/** The normal distribution's 97.5% point: both tails of a 95% interval. */
const Z95 = 1.959963984540054;

/**
 * Wilson's score interval of a proportion, 95%: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n). Never outside [0, 1],
 * and right also near its ends (Wilson 1927; Newcombe, Statistics in Medicine 17:857, 1998, method 3).
 * @throws {RequestError} unless 0 <= successes <= n and n > 0
 */
export function wilson(successes: number, n: number): Interval {
  if (!(n > 0 && successes >= 0 && successes <= n))
    throw new RequestError(`a proportion of ${successes} of ${n} has no interval; at least one picture is needed.`);
  const p = successes / n;
  const centre = p + Z95 ** 2 / (2 * n);
  const half = Z95 * Math.sqrt((p * (1 - p)) / n + Z95 ** 2 / (4 * n ** 2));
  const scale = 1 + Z95 ** 2 / n;
  // At the ends the exact bound is 0 or 1, which rounding would miss.
  return [successes === 0 ? 0 : (centre - half) / scale, successes === n ? 1 : (centre + half) / scale];
}

/**
 * McNemar's test, exact: the two-sided p-value that `gained` and `lost` pictures of those whose correctness changed come
 * from a fair coin (McNemar 1947; binomial form). 1 where none changed.
 */
export function mcnemar(gained: number, lost: number): number {
  const n = gained + lost;
  // Σ_{k <= min} C(n, k) / 2^n, each term from the one before, in logarithms so that 2^-n does not vanish.
  let logTerm = -n * Math.LN2;
  let sum = Math.exp(logTerm);
  const terms = [logTerm];
  for (let k = 1; k <= Math.min(gained, lost); k++) {
    logTerm += Math.log((n - k + 1) / k);
    terms.push(logTerm);
  }
  if (terms.length > 1) {
    const largest = terms.at(-1)!;
    sum = Math.exp(largest) * terms.reduce((s, t) => s + Math.exp(t - largest), 0);
  }
  return Math.min(1, 2 * sum);
}

/** How two classifiers differ on the same pictures. */
export interface PairedGain {
  /** Accuracy after less accuracy before. */
  readonly gain: number;
  /** 95% interval of the gain. */
  readonly ci95: Interval;
  /** McNemar's exact two-sided p-value. */
  readonly pValue: number;
  /** Pictures that were wrong and became right, and the reverse. */
  readonly gained: number;
  readonly lost: number;
  readonly n: number;
}

/**
 * Compares two classifiers picture by picture.
 * @param before - 1 where a picture was right  @param after - the same pictures in the same order
 * @throws {RequestError} where their numbers differ or there is none
 */
export function pairedGain(before: ArrayLike<number>, after: ArrayLike<number>): PairedGain {
  const n = before.length;
  if (n === 0 || after.length !== n)
    throw new RequestError(
      `${n} and ${after.length} pictures cannot be compared in pairs; they must be the same ones.`,
    );
  let [both, gained, lost] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    if (before[i] && after[i]) both++;
    else if (after[i]) gained++;
    else if (before[i]) lost++;
  }
  const counts = { both, gained, lost, neither: n - both - gained - lost };
  return { gain: (gained - lost) / n, ci95: newcombe(counts, n), pValue: mcnemar(gained, lost), gained, lost, n };
}

/**
 * 95% interval of a difference of paired proportions from their Wilson intervals and their correlation φ, whose numerator
 * is moved towards 0 by n / 2 where it is positive (Newcombe, Statistics in Medicine 17:2635, 1998, method 10).
 */
function newcombe(
  { both, gained, lost, neither }: { both: number; gained: number; lost: number; neither: number },
  n: number,
): Interval {
  const [after, before] = [(both + gained) / n, (both + lost) / n];
  const [[l1, u1], [l2, u2]] = [wilson(both + gained, n), wilson(both + lost, n)];
  const margins = (both + gained) * (lost + neither) * (both + lost) * (gained + neither);
  const product = both * neither - gained * lost;
  const phi = margins === 0 ? 0 : (product > 0 ? Math.max(product - n / 2, 0) : product) / Math.sqrt(margins);
  const side = (a: number, b: number): number => Math.sqrt(Math.max(0, a * a - 2 * phi * a * b + b * b));
  const difference = after - before;
  return [difference - side(after - l1, u2 - before), difference + side(u1 - after, before - l2)];
}
