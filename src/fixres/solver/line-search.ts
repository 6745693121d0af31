/** A function along a line: its value and slope at a step from where the line begins. */
export interface Trial {
  readonly step: number;
  readonly value: number;
  /** Its derivative by the step. */
  readonly slope: number;
}

export interface LineSearchOptions {
  /** The step that is tried first. */
  readonly first: number;
  /** Differences of values that are no more than rounding; the slope decides there. */
  readonly noise: number;
}

/** c₁ and c₂ of the strong Wolfe conditions, as is usual for quasi-Newton directions (Nocedal and Wright, section 3.1). */
const SUFFICIENT = 1e-4;
const CURVATURE = 0.9;

const MOST_TRIALS = 25;

/** How far from the ends of the bracket a trial stays, as a share of it. */
const MARGIN = 0.1;

/**
 * A step that satisfies the strong Wolfe conditions, f(t) ≤ f(0) + c₁ t f'(0) and |f'(t)| ≤ c₂ |f'(0)|, by bracketing and
 * cubic interpolation (Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6, as one loop).
 * @param start - at step 0, of negative slope  @param at - the function at a step; a value that is not finite is too far
 * @returns the trial at that step; after too many, the best with a sufficient decrease; null where there is none
 */
export async function wolfeStep<T extends Trial>(
  start: T,
  at: (step: number) => Promise<T>,
  { first, noise }: LineSearchOptions,
): Promise<T | null> {
  // The best that has a sufficient decrease, and the other end of what holds a minimum, once that is known.
  let low = start;
  let high: T | null = null;
  let step = first;
  for (let trials = 0; trials < MOST_TRIALS; trials++) {
    const trial = await at(step);
    const most = Math.min(start.value + SUFFICIENT * step * start.slope, low.value) + noise;
    if (!(trial.value <= most)) {
      high = trial;
    } else {
      if (Math.abs(trial.slope) <= -CURVATURE * start.slope) return trial;
      const towardsHigh = high === null ? 1 : high.step - low.step;
      if (trial.slope * towardsHigh >= 0) high = low;
      else if (high === null) {
        step = further(low, trial);
        low = trial;
        continue;
      }
      low = trial;
    }
    if (Math.abs(high.step - low.step) <= 1e-15 * Math.max(high.step, low.step)) break;
    step = between(low, high);
  }
  return low === start ? null : low;
}

/** Where the slope's secant is zero, within two to ten times the last step. */
function further(before: Trial, last: Trial): number {
  const secant = last.step - (last.slope * (last.step - before.step)) / (last.slope - before.slope);
  // A slope that steepens says nothing.
  const wanted = secant > last.step ? secant : Number.POSITIVE_INFINITY;
  return Math.min(Math.max(wanted, 2 * last.step), 10 * last.step);
}

/** The minimum of the cubic through both values and slopes, well inside of the bracket; its middle where there is none. */
function between(low: Trial, high: Trial): number {
  const width = high.step - low.step;
  const bend = low.slope + high.slope - (3 * (high.value - low.value)) / width;
  const root = Math.sign(width) * Math.sqrt(bend * bend - low.slope * high.slope);
  const share = 1 - (high.slope + root - bend) / (high.slope - low.slope + 2 * root);
  const inside = Number.isFinite(share) ? Math.min(Math.max(share, MARGIN), 1 - MARGIN) : 0.5;
  return low.step + inside * width;
}
