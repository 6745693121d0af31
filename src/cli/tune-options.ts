import { type Command, Option } from "commander";
import { openSplits } from "../data/index.js";
import { SELECT_ON, TUNE_DEFAULTS, TUNE_MODES, type TuneModeName, type TuneOptions } from "../fixres/index.js";
import { expectedClasses } from "../models/index.js";
import { type CacheOptions, cacheOf, withCache } from "./cache-options.js";
import * as cli from "./options.js";

/** Those of the recipe are called as `TuneOptions` has them. */
type Recipe = Omit<TuneOptions, "mode" | "preprocessing" | "batchSize" | "onBadImage">;

/** Options of every command that tunes, or says what that would do. */
export interface TuningOptions
  extends cli.EngineOptions,
    cli.PreprocessingOptions,
    cli.DataOptions,
    CacheOptions,
    Recipe {
  readonly tune: TuneModeName;
}

const modes = [
  ...Object.entries(TUNE_MODES).map(([name, { summary }]) => `${name}: ${summary}`),
  "last:K: head and the last K blocks",
  "all: everything",
  "match:PATTERN: the parameters whose names match, with those BatchNorms by the batch",
];

/** Adds them, with the model as argument. */
export const withTuning = (to: Command): Command =>
  withCache(cli.withPreprocessing(cli.withData(cli.withEngine(to), { parts: true })))
    .argument("<model>", cli.MODEL)
    .option("--tune <what>", `what is trained (${modes.join("; ")})`, TUNE_DEFAULTS.mode)
    .option("--epochs <n>", "epochs", cli.positiveInteger, TUNE_DEFAULTS.epochs)
    .option(
      "--base-learning-rate <b>",
      "b in the learning rate 8 b batch / 512",
      cli.positiveNumber,
      TUNE_DEFAULTS.baseLearningRate,
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
        .choices(SELECT_ON)
        .default(TUNE_DEFAULTS.selectOn),
    )
    .option("--holdout <share>", "of each class, for --select-on holdout", cli.fraction, TUNE_DEFAULTS.holdout);

/** Opens what they name, as the library takes it. @param path - of the model */
export async function openTuning(path: string, options: TuningOptions) {
  const { progress, signal } = cli.surroundings();
  const model = await cli.openModel(path, options, progress);
  const data = await openSplits(options.data, { ...options, classes: expectedClasses(model) });
  [...data.train.notes, ...data.val.notes].forEach(progress.note);
  const preprocessing = cli.resolvedPreprocessing(model, options, progress, { tuning: true });
  const { tune: mode, epochs, baseLearningRate, decayEpochs, momentum, weightDecay, labelSmoothing, seed } = options;
  const { cacheType, selectOn, holdout, onBadImage, device, threads } = options;
  const batchSize = options.batchSize ?? Math.min(TUNE_DEFAULTS.batchSize, data.train.samples.length);
  const learning = { mode, epochs, baseLearningRate, decayEpochs, momentum, weightDecay, labelSmoothing, seed };
  const recipe: TuneOptions = {
    ...{ ...learning, cacheType, selectOn, holdout },
    ...{ preprocessing, batchSize, onBadImage },
  };
  return { model, data, recipe, surroundings: { device, threads, cache: cacheOf(options), signal, progress } };
}
