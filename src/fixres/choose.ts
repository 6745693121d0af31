import type { Splits } from "../data/index.js";
import { RequestError } from "../errors.js";
import type { Accuracy } from "../evaluate/index.js";
import type { Model } from "../models/index.js";
import { type Cost, costOf } from "./latency.js";
import type { TuneOptions } from "./options.js";
import type { RecipeName } from "./recipes.js";
import { type Selection, Tuning, type TuningSurroundings } from "./tuning.js";

/** What one candidate came to. */
export interface Candidate extends Cost {
  readonly options: TuneOptions;
  readonly resolution: number;
  readonly recipe: RecipeName;
  /** The epoch that is best for it, and by which pictures. */
  readonly selection: Selection;
  /** On the pictures that choose: as it came, and after the best epoch. */
  readonly before: Accuracy;
  readonly after: Accuracy;
  /** True where no other is at least as accurate with fewer multiply-adds, or more accurate with as many. */
  readonly pareto: boolean;
  /** Whether it keeps the limits. */
  readonly allowed: boolean;
  /** Of this candidate, everything included. */
  readonly seconds: number;
}

/** What a picture may cost. */
export interface Limits {
  /** Multiply-adds a picture. */
  readonly macs?: number;
  /** Milliseconds a picture, as measured here. */
  readonly latency?: number;
}

/** All candidates, and which of them is chosen: the most accurate that keeps the limits, of equal ones the cheaper. */
export interface Choice {
  readonly candidates: readonly Candidate[];
  /** Null where none keeps the limits. */
  readonly best: Candidate | null;
}

/**
 * Tunes a model in several ways, such as at several resolutions or by several recipes, and chooses one by training pictures that are
 * held back, or by the validation pictures, which makes the choice's accuracy there optimistic. Each takes one pass through the
 * trunk. The model itself is left to `tune` with the choice's options.
 * @throws {RequestError} where there is no candidate, or nothing to choose by
 */
export async function choose(
  model: Model,
  data: Splits,
  candidates: readonly TuneOptions[],
  limits: Limits,
  surroundings: Omit<TuningSurroundings, "directory">,
): Promise<Choice> {
  if (candidates.length === 0) throw new RequestError("there is nothing to choose from; give at least one resolution.");
  if (candidates.some(({ selectOn }) => selectOn === "none"))
    throw new RequestError(
      "candidates are compared on a holdout of the training set or on val; choose one of the two.",
    );
  const costs = new Map<number, Cost>();
  const tried: Omit<Candidate, "pareto">[] = [];
  for (const options of candidates) {
    const started = performance.now();
    const { resolution } = options.preprocessing;
    const selection = await selectionOf(model, data, options, surroundings);
    const cost = costs.get(resolution) ?? (await costOf(model, resolution, surroundings));
    costs.set(resolution, cost);
    tried.push({
      ...cost,
      options,
      resolution,
      recipe: options.recipe,
      selection,
      before: selection.judged[0]!,
      after: selection.judged[selection.epoch]!,
      allowed: cost.macs <= (limits.macs ?? Infinity) && cost.latency <= (limits.latency ?? Infinity),
      seconds: (performance.now() - started) / 1000,
    });
  }
  const rows = tried.map((row) => ({ ...row, pareto: !tried.some((other) => surpasses(other, row)) }));
  const best = rows
    .filter(({ allowed }) => allowed)
    .reduce<Candidate | null>(
      (found, row) =>
        found === null ||
        row.after.top1 > found.after.top1 ||
        (row.after.top1 === found.after.top1 && row.macs < found.macs)
          ? row
          : found,
      null,
    );
  return { candidates: rows, best };
}

async function selectionOf(
  model: Model,
  data: Splits,
  options: TuneOptions,
  surroundings: Omit<TuningSurroundings, "directory">,
): Promise<Selection> {
  const tuning = new Tuning(model, data, options, surroundings);
  try {
    const train = await tuning.training();
    const start = await tuning.start(train.plain);
    return (await tuning.select(start, train, () => tuning.validation()))!;
  } finally {
    await tuning.dispose();
  }
}

type Compared = Pick<Candidate, "after" | "macs">;

const surpasses = (a: Compared, b: Compared): boolean =>
  (a.after.top1 >= b.after.top1 && a.macs < b.macs) || (a.after.top1 > b.after.top1 && a.macs <= b.macs);
