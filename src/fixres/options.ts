import type { OnBadImage, Source, TestPreprocessing } from "../data/index.js";
import { RequestError } from "../errors.js";
import { type Model, possibleBatch } from "../models/pure.js";
import type { TuneModeName } from "./modes.js";
import { type RecipeName, recipe } from "./recipes.js";
import type { FeatureType } from "./top.js";

/** By which pictures an epoch is chosen: none, which takes the last; a part of the training set; the validation set itself. */
export const SELECT_ON = ["none", "holdout", "val"] as const;
export type SelectOn = (typeof SELECT_ON)[number];

/** SGD as published; or the optimum of the classifier over all features at once (docs/SOLVER.md), which needs no learning rate. */
export const SOLVERS = ["sgd", "lbfgs"] as const;
export type Solver = (typeof SOLVERS)[number];

export interface TuneOptions {
  readonly mode: TuneModeName;
  readonly solver: Solver;
  /** How training pictures are shown; the numbers below are given apart. */
  readonly recipe: RecipeName;
  /** Of a recipe that draws at random: how many draws are kept and take turns; 0 draws anew in each epoch and keeps nothing. */
  readonly views: number;
  /** The test's preprocessing, which training uses too. */
  readonly preprocessing: TestPreprocessing;
  readonly epochs: number;
  readonly batchSize: number;
  /** b in the learning rate 8 b batch / 512. */
  readonly baseLearningRate: number;
  /** Epochs after which the rate falls to a tenth. */
  readonly decayEpochs: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly labelSmoothing: number;
  /** What the features of training pictures are kept as. */
  readonly cacheType: FeatureType;
  /** What chooses the epoch. With `val`, the result says that it is optimistic. */
  readonly selectOn: SelectOn;
  /** Share of the training pictures of each class that choose: the epoch, where they do; with `lbfgs`, the strength too. */
  readonly holdout: number;
  readonly seed: number;
  readonly onBadImage: OnBadImage;
}

/** The options of a recipe, and of everything else what one wants mostly. */
export function tuneDefaults(name: RecipeName): Omit<TuneOptions, "preprocessing"> {
  const { summary: _, transform: __, ...numbers } = recipe(name);
  return { ...COMMON, ...numbers, recipe: name };
}

const COMMON = {
  mode: "classifier+bn",
  solver: "sgd",
  views: 0,
  batchSize: 32,
  cacheType: "float16",
  selectOn: "none",
  holdout: 0.1,
  seed: 0,
  onBadImage: "fail",
} as const;

/** The authors' first recipe with FixEfficientNet's label smoothing (DESIGN.md, section 6). */
export const TUNE_DEFAULTS: Omit<TuneOptions, "preprocessing"> = tuneDefaults("test");

/** @throws {RequestError} for options that cannot be, alone or with so many pictures */
export function checkOptions(options: TuneOptions, { samples }: Source): void {
  const { epochs, batchSize, baseLearningRate, selectOn, holdout, views } = options;
  recipe(options.recipe);
  if (views > 0 && options.recipe === "test")
    throw new RequestError(
      `${views} views of pictures that the recipe test always shows alike are one; give --recipe test+, or no --views.`,
    );
  if (options.solver === "lbfgs" && options.recipe !== "test") {
    throw new RequestError(
      `the solver lbfgs needs features that are always the same, but the recipe ${options.recipe} draws at random; give --solver sgd, or --recipe test.`,
    );
  }
  if (!SOLVERS.includes(options.solver))
    throw new RequestError(`the solver is "${options.solver}"; give one of ${SOLVERS.join(", ")}.`);
  if (!(Number.isInteger(views) && views >= 0))
    throw new RequestError(`the number of views is ${views}; give a whole number, 0 to draw anew in each epoch.`);
  if (!(Number.isInteger(epochs) && epochs >= 1))
    throw new RequestError(`epochs is ${epochs}; give a whole number of 1 or more.`);
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new RequestError(`the batch size is ${batchSize}; give a whole number of 1 or more.`);
  if (batchSize > samples.length) {
    throw new RequestError(
      `a batch of ${batchSize} is more than the ${samples.length} training pictures; choose at most that.`,
    );
  }
  if (!(baseLearningRate > 0 && Number.isFinite(baseLearningRate)))
    throw new RequestError(`the base learning rate is ${baseLearningRate}; it must be above 0, such as 0.001.`);
  if (!SELECT_ON.includes(selectOn))
    throw new RequestError(`an epoch is chosen on "${selectOn}"; give one of ${SELECT_ON.join(", ")}.`);
  if ((selectOn === "holdout" || options.solver === "lbfgs") && !(holdout > 0 && holdout < 1))
    throw new RequestError(`the holdout is ${holdout}; give a share between 0 and 1, such as 0.1.`);
}

/** @throws {RequestError} where the network takes no batches of that size */
export function checkBatch(model: Model, { batchSize, preprocessing }: TuneOptions): void {
  const possible = possibleBatch(model, { resolution: preprocessing.resolution, batch: batchSize });
  if (possible === batchSize) return;
  throw new RequestError(
    `${model.arch.name} takes ${possible} pictures at a time, which its file has written out; export it with a free batch size, or give --batch-size ${possible}.`,
  );
}
