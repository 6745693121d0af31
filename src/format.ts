/**
 * Numbers as people read them. Programs get fractions and full precision; these are for what is printed and drawn.
 *
 * @module
 */

/** A fraction as a percentage: 0.81245 is `81.25%`. */
export const percent = (fraction: number, digits = 2): string => `${(100 * fraction).toFixed(digits)}%`;

/** An interval of fractions, as percentages. */
export const interval = ([low, high]: readonly [number, number], digits = 2): string =>
  `${percent(low, digits)} to ${percent(high, digits)}`;

/** A difference of two accuracies with its interval, in percentage points. */
export function points(difference: number, [low, high]: readonly [number, number]): string {
  const sign = difference >= 0 ? "+" : "";
  const inPoints = (fraction: number): string => (100 * fraction).toFixed(2);
  return `${sign}${inPoints(difference)} points (95%: ${inPoints(low)} to ${inPoints(high)})`;
}

/** A p-value with its sign: `p = 0.00027`; below what a number can hold, a bound. */
export const pValue = (p: number): string => (p < 1e-300 ? "p < 1e-300" : `p = ${p.toPrecision(2)}`);

/** Units a second, three digits and never in powers of ten: `1893`, `16.1`. */
export const rate = (perSecond: number): string =>
  perSecond >= 100 ? perSecond.toFixed(0) : String(Number(perSecond.toPrecision(3)));

/** Seconds as `41 s`, `3 min 5 s` or `2 h 10 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Bytes as `3.1 GiB`; as `12 MiB` below a tenth of that, and so on down to `7 bytes`. */
export function binaryBytes(bytes: number): string {
  if (bytes >= 2 ** 30 / 10) return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  if (bytes >= 2 ** 20) return `${Math.ceil(bytes / 2 ** 20)} MiB`;
  return bytes >= 2 ** 10 ? `${Math.ceil(bytes / 2 ** 10)} KiB` : `${Math.ceil(bytes)} bytes`;
}
