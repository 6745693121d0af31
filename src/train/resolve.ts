import type { Architecture } from "../models/index.js";
import { usualSteps } from "./adversarial/index.js";
import { defaultTrainOptions, type TrainOptions } from "./options.js";
import type { Recipe } from "./recipes.js";

/** What options depend on where nothing else says them. */
export interface Circumstances {
  readonly arch: Pick<Architecture, "dropout">;
  /** The model's own, px. */
  readonly resolution: number;
  /** How many there are to train by. */
  readonly pictures: number;
}

/**
 * All options of a run: those that are given (whatever else stands among them) go before the recipe's, and the recipe's before the defaults. A rate that a recipe
 * states for a number of pictures is scaled to those of an update; the default is 0.1 a 64.
 */
export function resolvedOptions(
  { learningRatePer, ...recipe }: Recipe,
  given: Partial<TrainOptions>,
  { arch, resolution, pictures }: Circumstances,
): TrainOptions {
  const defaults = defaultTrainOptions({ resolution, dropout: arch.dropout });
  const asked: Recipe = { ...recipe, ...known(given, Object.keys(defaults)) };
  const { batchSize = Math.min(defaults.batchSize, pictures), epochs = defaults.epochs, accumulate = 1 } = asked;
  const warmupEpochs = given.warmupEpochs ?? Math.min(recipe.warmupEpochs ?? defaults.warmupEpochs, epochs);
  const [rate, per] =
    recipe.learningRate === undefined ? [defaults.learningRate, 64] : [recipe.learningRate, learningRatePer];
  const scaled = per === undefined ? rate : (rate * batchSize * accumulate) / per;
  const learningRate = given.learningRate ?? scaled;
  return { ...defaults, ...asked, batchSize, epochs, warmupEpochs, learningRate, advSteps: attackSteps(recipe, given) };
}

/** A recipe's steps are meant for its own ε; for another that is given alone they are the usual ones. */
function attackSteps(recipe: Recipe, given: Partial<TrainOptions>): number {
  const { advEpsilon = recipe.advEpsilon ?? 0, advSteps } = given;
  return advSteps ?? (given.advEpsilon === undefined ? recipe.advSteps : undefined) ?? usualSteps(advEpsilon);
}

/** What has a value, of the named ones. */
const known = (given: Partial<TrainOptions>, names: readonly string[]): Partial<TrainOptions> =>
  Object.fromEntries(Object.entries(given).filter(([name, value]) => names.includes(name) && value !== undefined));
