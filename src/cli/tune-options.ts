import { type Command, Option } from "commander";
import { type OnBadImage, openSplits, type TestPreprocessing } from "../data/index.js";
import {
  RECIPE_NAMES,
  RECIPES,
  SELECT_ON,
  type SelectOn,
  SOLVERS,
  TUNE_DEFAULTS,
  TUNE_MODES,
  type TuneModeName,
  type TuneOptions,
  tuneDefaults,
} from "../fixres/index.js";
import { expectedClasses } from "../models/index.js";
import { type CacheOptions, cacheOf, withCache } from "./cache-options.js";
import * as cli from "./options.js";
import { openQueueOf, type QueueOptions } from "./queue-options.js";

/** What of the command line says how a model is tuned, called as `TuneOptions` has it. */
export interface TuneCommandOptions
  extends Omit<TuneOptions, "mode" | "preprocessing" | "batchSize" | "epochs" | "baseLearningRate"> {
  readonly tune: TuneModeName;
  readonly batchSize?: number;
  readonly epochs?: number;
  readonly baseLearningRate?: number;
  readonly onBadImage: OnBadImage;
  readonly selfCheck?: boolean;
}

const modes = [
  ...Object.entries(TUNE_MODES).map(([name, { summary }]) => `${name}: ${summary}`),
  "last:K: head and the last K blocks",
  "all: everything",
  "match:PATTERN: the parameters whose names match, with those BatchNorms by the batch",
];

/** A number of each recipe, for the help. */
const ofRecipes = (key: "epochs" | "baseLearningRate"): string =>
  Object.entries(RECIPES)
    .map(([name, numbers]) => `${numbers[key]} for ${name}`)
    .join(", ");

/** What `--recipe` may be, for helps. */
export const SHOWN = `how pictures are shown, and the numbers below (${Object.entries(RECIPES)
  .map(([name, { summary }]) => `${name}: ${summary}`)
  .join("; ")})`;

/** What `--tune` may be, for helps. */
export const TUNED = `what is trained (${modes.join("; ")})`;

/** Options of every command that tunes, but for `--tune` and `--recipe`. @param selectOn - what may choose, the default first */
export const withTuning = (to: Command, selectOn: readonly SelectOn[]): Command =>
  cli
    .withSelfCheck(to)
    .option(
      "--views <k>",
      "draws of test+ that are kept and take turns; 0 draws anew in each epoch",
      cli.nonNegativeInteger,
      0,
    )
    .option("--epochs <n>", `epochs (default: ${ofRecipes("epochs")})`, cli.positiveInteger)
    .option(
      "--base-learning-rate <b>",
      `b in the learning rate 8 b batch / 512 (default: ${ofRecipes("baseLearningRate")})`,
      cli.positiveNumber,
    )
    .addOption(
      new Option(
        "--solver <name>",
        "sgd, as published; or lbfgs: the optimum of the classifier alone, its strength chosen by --holdout",
      )
        .choices(SOLVERS)
        .default(TUNE_DEFAULTS.solver),
    )
    .option(
      "--decay-epochs <n>",
      "epochs after which it falls to a tenth",
      cli.positiveNumber,
      TUNE_DEFAULTS.decayEpochs,
    )
    .option("--momentum <m>", "momentum", cli.fraction, TUNE_DEFAULTS.momentum)
    .option("--weight-decay <d>", "weight decay", cli.nonNegativeNumber, TUNE_DEFAULTS.weightDecay)
    .option("--label-smoothing <s>", "label smoothing", cli.fraction, TUNE_DEFAULTS.labelSmoothing)
    .option("--seed <n>", "seed of the order", cli.nonNegativeInteger, TUNE_DEFAULTS.seed)
    .addOption(
      new Option("--select-on <pictures>", "what chooses the epoch: a holdout of the training set, or val (optimistic)")
        .choices(selectOn)
        .default(selectOn[0]),
    )
    .option(
      "--holdout <share>",
      "of each class, for --select-on holdout and --solver lbfgs",
      cli.fraction,
      TUNE_DEFAULTS.holdout,
    );

/** What a tuning needs of the command line. */
export type TuningOptions = cli.EngineOptions &
  cli.PreprocessingOptions &
  cli.DataOptions &
  CacheOptions &
  QueueOptions &
  TuneCommandOptions;

/** The model as argument, and all options of a tuning at one resolution. */
export const withTune = (to: Command): Command =>
  withCache(
    withTuning(
      cli
        .withPreprocessing(cli.withData(cli.withEngine(to), { parts: true }))
        .argument("<model>", cli.MODEL)
        .option("--tune <what>", TUNED, TUNE_DEFAULTS.mode)
        .addOption(new Option("--recipe <name>", SHOWN).choices(RECIPE_NAMES).default(TUNE_DEFAULTS.recipe)),
      SELECT_ON,
    ),
  );

/** Opens what they name, as the library takes it. @param path - of the model */
export async function openTuning(path: string, options: TuningOptions) {
  const { progress, signal } = cli.surroundings();
  const model = await cli.openModel(path, options, progress);
  const data = await openSplits(options.data, { ...options, classes: expectedClasses(model) });
  [...data.train.notes, ...data.val.notes].forEach(progress.note);
  const preprocessing = cli.resolvedPreprocessing(model, options, progress, { tuning: true });
  const tuning = tuneOptions(options, preprocessing, data.train.samples.length);
  if (options.solver === "lbfgs" && (options.epochs ?? options.baseLearningRate) !== undefined)
    progress.note("the solver lbfgs has neither epochs nor a learning rate; those that are given are not used");
  const { device, threads, selfCheck } = options;
  const queue = await openQueueOf(options, { command: "tune", model: path, train: data.train }, progress);
  const engine = { device, threads, selfCheck, elsewhere: queue?.features };
  return { model, data, tuning, queue, surroundings: { ...engine, cache: cacheOf(options), signal, progress } };
}

/** The options of a tuning. @param pictures - training pictures, which a batch cannot be more than */
export function tuneOptions(
  options: TuneCommandOptions,
  preprocessing: TestPreprocessing,
  pictures: number,
): TuneOptions {
  const defaults = tuneDefaults(options.recipe);
  const { epochs = defaults.epochs, baseLearningRate = defaults.baseLearningRate } = options;
  const {
    recipe,
    views,
    decayEpochs,
    momentum,
    weightDecay,
    labelSmoothing,
    cacheType,
    selectOn,
    holdout,
    seed,
    solver,
  } = options;
  const batchSize = options.batchSize ?? Math.min(defaults.batchSize, pictures);
  const learning = { epochs, batchSize, baseLearningRate, decayEpochs, momentum, weightDecay, labelSmoothing };
  const { tune: mode, onBadImage } = options;
  return { mode, solver, recipe, views, preprocessing, ...learning, cacheType, selectOn, holdout, seed, onBadImage };
}
