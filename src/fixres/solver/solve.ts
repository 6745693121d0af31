import { DataError, RequestError } from "../../errors.js";
import { type Progress, silent } from "../../progress.js";
import type { SessionOptions } from "../../runtime/index.js";
import { heldOutRows } from "../held-out.js";
import { type CoordinateSystem, openCoordinates } from "./coordinates.js";
import { type Minimum, minimize } from "./lbfgs.js";
import { asParameters, type ClassifierObjective, openObjective, type RowScores, unpacked } from "./objective.js";
import { labelsOf, type Rows } from "./rows.js";
import { type HeldOutScore, STRENGTHS, walkStrengths } from "./strength.js";
import { moved } from "./vectors.js";

/** A linear classifier: weight [classes, width] and bias [classes]. */
export interface LinearClassifier {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export interface SolveOptions extends Pick<SessionOptions, "device" | "threads"> {
  readonly labelSmoothing?: number;
  /** Strengths of the L2 term to choose from by held-out rows; a single one is taken as it is. */
  readonly strengths?: readonly number[];
  /** What the L2 term draws the weight to: zero, as SGD's weight decay does, or where it starts. */
  readonly towards?: "zero" | "start";
  /** Share of each class's rows that strengths are judged by. */
  readonly heldOutShare?: number;
  /** Draws the held-out rows. */
  readonly seed?: number;
  /** Ends where the decrease of the objective that is left is no more than this share of it, as far as can be told. */
  readonly tolerance?: number;
  readonly maxIterations?: number;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** FixEfficientNet's label smoothing; the other values are measured (docs/SOLVER.md). */
export const SOLVE_DEFAULTS = {
  labelSmoothing: 0.1,
  strengths: STRENGTHS,
  towards: "zero",
  heldOutShare: 0.2,
  seed: 0,
  tolerance: 3e-7,
  maxIterations: 500,
} as const satisfies SolveOptions;

/** What one minimisation took. */
export interface SolveStep extends Pick<Minimum, "iterations" | "evaluations" | "reason"> {
  readonly strength: number;
  /** The optimum: the loss on the rows that it is fitted to, and the L2 term. */
  readonly objective: number;
  readonly seconds: number;
}

export interface SolveReport {
  /** That of the solution. */
  readonly strength: number;
  readonly rows: number;
  /** How many of the rows strengths were judged by; 0 where one was given. */
  readonly heldOutRows: number;
  /** The classifier that was started from, on the held-out rows; null where a strength was given. */
  readonly before: HeldOutScore | null;
  /** Each strength that was tried, from strong to weak, fitted to the rows that are not held out. */
  readonly path: readonly (SolveStep & HeldOutScore)[];
  /** The solution, fitted to all rows. */
  readonly refit: SolveStep;
  readonly seconds: number;
}

/**
 * Finds the linear classifier that is best on all rows:
 *   mean cross-entropy with label smoothing + ½ strength |W - A|², A = 0 or where W starts; the bias is free.
 * L-BFGS in coordinates in which the loss bends alike (`Coordinates`), over all rows at every step. The strength is the one of the
 * least loss on held-out rows, and the solution is fitted to all rows with it.
 * @param rows - features after pooling, with their classes  @param start - weight [classes, width] and bias [classes]
 * @throws {RequestError} for options that cannot be, or a start of another width
 * @throws {DataError} for rows that are not what they should be
 * @example
 * const { weight, bias, report } = await solveClassifier(memoryRows(features, labels, 1280), { weight, bias });
 */
export async function solveClassifier(
  rows: Rows,
  start: LinearClassifier,
  options: SolveOptions = {},
): Promise<LinearClassifier & { readonly report: SolveReport }> {
  const started = performance.now();
  const classes = start.bias.length;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const settled: Settled = { ...SOLVE_DEFAULTS, ...Object.fromEntries(given), classes };
  checkSolve(rows, start, settled);
  const labels = await labelsOf(rows, classes);
  const objective = openObjective(rows, settled);
  let system: CoordinateSystem | null = null;
  try {
    system = await openCoordinates(rows, settled);
    const parameters = asParameters(start.weight, start.bias);
    const parts: Parts = {
      objective,
      system,
      options: settled,
      anchor: settled.towards === "start" ? parameters : null,
    };
    const begin: Scored = { parameters, scores: await objective.score(parameters) };
    const [only, ...others] = settled.strengths;
    const { strength, from, facts } =
      others.length === 0
        ? { strength: only!, from: begin, facts: { before: null, path: [], heldOutRows: 0 } }
        : await chosen(parts, labels, begin);
    const all = new Float32Array(rows.count).fill(1);
    const { parameters: solution, step: refit } = await optimum(parts, strength, all, from);
    const seconds = (performance.now() - started) / 1000;
    return {
      ...unpacked(solution, classes, rows.width),
      report: { strength, rows: rows.count, ...facts, refit, seconds },
    };
  } finally {
    await system?.dispose();
    await objective.dispose();
  }
}

/** Options with every default in its place, and how many classes there are. */
type Settled = SolveOptions & Required<Pick<SolveOptions, keyof typeof SOLVE_DEFAULTS>> & { readonly classes: number };

/** What every minimisation works with. */
interface Parts {
  readonly objective: ClassifierObjective;
  readonly system: CoordinateSystem;
  readonly options: Settled;
  /** What the L2 term draws to, as parameters; null for zero. */
  readonly anchor: Float64Array | null;
}

/** Parameters, and how each row does by them. */
interface Scored {
  readonly parameters: Float64Array;
  readonly scores: RowScores;
}

/** The optimum at a strength, for rows by how much each counts, from a place that was scored. */
async function optimum(
  { objective, system, options, anchor }: Parts,
  strength: number,
  counts: Float32Array,
  { parameters: origin, scores }: Scored,
): Promise<{ parameters: Float64Array; step: SolveStep }> {
  const started = performance.now();
  const { maxIterations, tolerance: decreaseTolerance, signal } = options;
  const curvature = Math.max(mean(scores.spread, counts), LEAST_SPREAD) / options.classes;
  const { displacement, gradient } = await system.coordinates(curvature, strength);
  const at = async (z: Float64Array): Promise<Float64Array> => moved(origin, 1, await displacement(z));
  const { point, value, iterations, evaluations, reason } = await minimize(
    async (z) => {
      const place = await objective.evaluate(await at(z), counts, { strength, anchor });
      return { value: place.value, gradient: await gradient(place.gradient) };
    },
    new Float64Array(origin.length),
    { maxIterations, decreaseTolerance, noise: NOISE, firstStep: 1, signal },
  );
  const seconds = (performance.now() - started) / 1000;
  const step = { strength, objective: value, iterations, evaluations, reason, seconds };
  return { parameters: await at(point), step };
}

/** The strength of the least held-out loss, its solution, and what the report says of the choice. */
async function chosen(parts: Parts, labels: Int32Array, begin: Scored) {
  const { objective, options } = parts;
  const { strengths, heldOutShare, seed, signal, progress = silent } = options;
  const held = heldOutRows(labels, heldOutShare, seed);
  const heldOut = Float32Array.from(held);
  const fitted = Float32Array.from(held, (one) => 1 - one);
  const judged = ({ losses, correct }: RowScores): HeldOutScore => ({
    heldOutLoss: mean(losses, heldOut),
    heldOutTop1: mean(correct, heldOut),
  });
  const shown = progress.start("solver", strengths.length, "strengths");
  try {
    const { path, best } = await walkStrengths(strengths, begin, async (strength, from: Scored) => {
      const { parameters, step } = await optimum(parts, strength, fitted, from);
      signal?.throwIfAborted();
      const scores = await objective.score(parameters);
      const score = judged(scores);
      shown.advance(1, `${strength}: held-out loss ${score.heldOutLoss.toFixed(4)}`);
      return { solution: { parameters, scores }, step: { ...step, ...score } };
    });
    const facts = { before: judged(begin.scores), path, heldOutRows: held.reduce((sum, one) => sum + one, 0) };
    return { strength: best.step.strength, from: best.solution, facts };
  } finally {
    shown.end();
  }
}

/** Share of the objective that is rounding: each row's loss is a float32, and what they sum to is not. */
const NOISE = 1e-7;

/** A start that is surer of itself than this, a mean of Σ p (1 - p), says little of how the loss bends at the optimum. */
const LEAST_SPREAD = 0.05;

/** The mean of values with weights. */
function mean(values: Float64Array, weights: Float32Array): number {
  let [sum, total] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += weights[i]! * values[i]!;
    total += weights[i]!;
  }
  return sum / total;
}

function checkSolve({ count, width }: Rows, { weight, bias }: LinearClassifier, options: Settled): void {
  if (count < 1) throw new RequestError("there are no rows to fit a classifier to.");
  if (weight.length !== bias.length * width) {
    throw new RequestError(
      `the classifier has ${weight.length} weights and ${bias.length} classes, but the rows have ${width} features; ${bias.length * width} weights are needed.`,
    );
  }
  for (const values of [weight, bias]) {
    const broken = values.find((value) => !Number.isFinite(value));
    if (broken !== undefined)
      throw new DataError(`the classifier to start from holds ${broken}; its weights are likely damaged.`);
  }
  const { strengths, labelSmoothing, tolerance, maxIterations } = options;
  if (strengths.length === 0) throw new RequestError("there is no strength to choose; give one or more, such as 1e-4.");
  for (const strength of strengths) {
    if (!(strength > 0 && Number.isFinite(strength)))
      throw new RequestError(`a strength is ${strength}; it must be above 0, such as 1e-4.`);
  }
  if (!(labelSmoothing >= 0 && labelSmoothing < 1))
    throw new RequestError(`the label smoothing is ${labelSmoothing}; it must be at least 0 and below 1.`);
  if (!(tolerance > 0)) throw new RequestError(`the tolerance is ${tolerance}; it must be above 0, such as 1e-6.`);
  if (!(Number.isInteger(maxIterations) && maxIterations >= 1))
    throw new RequestError(`the iterations are at most ${maxIterations}; give a whole number of 1 or more.`);
}
