import { type Trial, wolfeStep } from "./line-search.js";
import { addScaled, dot, moved, norm, scaleBy } from "./vectors.js";

/** A function and its gradient at a point; the gradient is the caller's to keep. */
export interface ValueAndGradient {
  readonly value: number;
  readonly gradient: Float64Array;
}

export interface MinimizeOptions {
  /** Pairs of steps and gradients' differences that the curvature is estimated from; 10 unless given. */
  readonly memory?: number;
  /** 500 unless given. */
  readonly maxIterations?: number;
  /** Ends where the gradient's Euclidean norm is no more; 0 unless given. */
  readonly gradientTolerance?: number;
  /**
   * Ends where the decrease that is left, -½ g·d for the step d that the estimated curvature proposes, is no more than this share
   * of the value; 1e-9 unless given.
   */
  readonly decreaseTolerance?: number;
  /** Share of the value that is rounding in how it is computed; 1e-14 unless given. */
  readonly noise?: number;
  /** The first step, along the steepest descent, is so many times the gradient; of length 1 at most unless given. */
  readonly firstStep?: number;
  readonly signal?: AbortSignal;
  readonly onIteration?: (iteration: { iteration: number; value: number; gradientNorm: number }) => void;
}

/** Why a minimisation ended; `precision` where rounding leaves no decrease to be seen, `iterations` where it is not done. */
export type StopReason = "gradient" | "decrease" | "precision" | "iterations";

export interface Minimum {
  readonly point: Float64Array;
  readonly value: number;
  /** Euclidean. */
  readonly gradientNorm: number;
  readonly iterations: number;
  /** How many times value and gradient were computed. */
  readonly evaluations: number;
  readonly reason: StopReason;
}

interface Place extends Trial, ValueAndGradient {
  readonly point: Float64Array;
}

/** A step s, the difference y of the gradients at its ends, and 1 / s·y. */
interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

/** A pair of less curvature than this share of |y|² would spoil the estimate. */
const LEAST_CURVATURE = 1e-10;

/**
 * Minimises a smooth function by L-BFGS (Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 7.5) with a line search
 * for the strong Wolfe conditions. It is as good as its coordinates: a change of variables that makes the curvature alike in all
 * directions is the caller's.
 * @param start - finite, with a finite value  @throws {RangeError} where the value there is not finite
 * @example
 * await minimize(async (x) => ({ value: (x[0]! - 3) ** 2, gradient: Float64Array.of(2 * (x[0]! - 3)) }), Float64Array.of(0));
 */
export async function minimize(
  objective: (point: Float64Array) => Promise<ValueAndGradient>,
  start: Float64Array,
  options: MinimizeOptions = {},
): Promise<Minimum> {
  const { memory = 10, maxIterations = 500, noise = 1e-14, firstStep, signal, onIteration } = options;
  const { gradientTolerance = 0, decreaseTolerance = 1e-9 } = options;
  let evaluations = 0;
  const place = async (point: Float64Array): Promise<Place> => {
    signal?.throwIfAborted();
    evaluations++;
    return { point, ...(await objective(point)), step: 0, slope: 0 };
  };
  let here = await place(start.slice());
  if (!Number.isFinite(here.value)) throw new RangeError(`the function is ${here.value} where its search begins.`);
  const pairs: Pair[] = [];
  for (let iteration = 0; ; ) {
    const gradientNorm = norm(here.gradient);
    const end = (reason: StopReason): Minimum => {
      return { point: here.point, value: here.value, gradientNorm, iterations: iteration, evaluations, reason };
    };
    if (gradientNorm <= gradientTolerance) return end("gradient");
    const direction = descent(here.gradient, pairs);
    const slope = dot(here.gradient, direction);
    if (pairs.length > 0 && -slope / 2 <= decreaseTolerance * Math.abs(here.value)) return end("decrease");
    if (iteration === maxIterations) return end("iterations");

    const begin: Place = { ...here, step: 0, slope };
    const at = async (step: number): Promise<Place> => {
      const found = await place(moved(begin.point, step, direction));
      return { ...found, step, slope: dot(found.gradient, direction) };
    };
    const first = pairs.length > 0 ? 1 : (firstStep ?? 1 / Math.max(1, gradientNorm));
    const next = await wolfeStep(begin, at, { first, noise: noise * Math.abs(here.value) });
    if (next === null) {
      if (pairs.length === 0) return end("precision");
      // What was learned far from here may be what misleads; the steepest descent tells.
      pairs.length = 0;
      continue;
    }
    remember(pairs, here, next, memory);
    here = next;
    iteration++;
    onIteration?.({ iteration, value: here.value, gradientNorm: norm(here.gradient) });
  }
}

/** -H g for the estimate H of the inverse curvature, by the two loops over the pairs, oldest first. */
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const d = gradient.slice();
  const shares: number[] = [];
  for (const { s, y, rho } of [...pairs].reverse()) {
    const share = rho * dot(s, d);
    shares.push(share);
    addScaled(d, -share, y);
  }
  const last = pairs.at(-1);
  if (last !== undefined) scaleBy(d, 1 / (last.rho * dot(last.y, last.y)));
  for (const { s, y, rho } of pairs) addScaled(d, shares.pop()! - rho * dot(y, d), s);
  scaleBy(d, -1);
  return d;
}

function remember(pairs: Pair[], from: Place, to: Place, memory: number): void {
  const s = moved(to.point, -1, from.point);
  const y = moved(to.gradient, -1, from.gradient);
  const curvature = dot(s, y);
  if (!(curvature > LEAST_CURVATURE * dot(y, y))) return;
  pairs.push({ s, y, rho: 1 / curvature });
  if (pairs.length > memory) pairs.shift();
}
