/** What one golden entry came to: the worst error of each kind against what is allowed. */
export interface Check {
  readonly what: string;
  readonly error: number;
  readonly allowed: number;
}

export interface EntryResult {
  readonly entry: string;
  readonly checks: readonly Check[];
}

/** Largest absolute difference between golden numbers and as many of ours. */
export function maxError(golden: readonly number[], ours: ArrayLike<number>): number {
  return golden.reduce((worst, g, i) => larger(worst, Math.abs(g - (ours[i] ?? Number.NaN))), 0);
}

export const relativeError = (golden: number, ours: number): number => Math.abs(golden - ours) / Math.abs(golden);

/** The larger of two errors, where NaN is larger than all. */
export const larger = (a: number, b: number): number => (Number.isNaN(a) || a > b ? a : b);

export const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));

const passed = ({ error, allowed }: Check): boolean => error <= allowed;

/** The result as a line: every kind of error, then how it stands. */
export function line({ entry, checks }: EntryResult): string {
  const shown = checks.map(
    (c) =>
      `${c.what} ${c.error === 0 ? "0" : c.error.toExponential(1)}${passed(c) ? "" : ` > ${c.allowed.toExponential(0)}`}`,
  );
  return `${checks.every(passed) ? "ok  " : "FAIL"} ${entry}: ${shown.join(", ")}`;
}

export const allPassed = ({ checks }: EntryResult): boolean => checks.every(passed);
