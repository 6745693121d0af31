import { Option } from "commander";
import { openSplits } from "../data/index.js";
import {
  RECIPE_NAMES,
  RECIPES,
  SELECT_ON,
  TUNE_DEFAULTS,
  TUNE_MODES,
  type TuneModeName,
  type TuneOptions,
  tune,
  tuneDefaults,
} from "../fixres/index.js";
import { expectedClasses } from "../models/index.js";
import { type CacheOptions, cacheOf, withCache } from "./cache-options.js";
import * as cli from "./options.js";

/** Those of the recipe are called as `TuneOptions` has them. */
type Learning = Omit<
  TuneOptions,
  "mode" | "preprocessing" | "batchSize" | "onBadImage" | "epochs" | "baseLearningRate"
> &
  Partial<Pick<TuneOptions, "epochs" | "baseLearningRate">>;

interface Options extends cli.EngineOptions, cli.PreprocessingOptions, cli.DataOptions, CacheOptions, Learning {
  readonly out: string;
  readonly tune: TuneModeName;
}

const base = cli.command(
  "tune",
  "The method: fine-tune the last layers at a test resolution, and say what it gained.",
  [
    "fixres tune models/b0 --data pictures --resolution 320 --out models/b0-fixed",
    "fixres tune models/b0 --data pictures --resolution 320 --tune classifier --epochs 10 --out models/b0-fixed",
  ],
);
const modes = [
  ...Object.entries(TUNE_MODES).map(([name, { summary }]) => `${name}: ${summary}`),
  "last:K: head and the last K blocks",
  "all: everything",
  "match:PATTERN: the parameters whose names match, with those BatchNorms by the batch",
];

/** A number of each recipe, for the help. */
function ofRecipes(key: "epochs" | "baseLearningRate"): string {
  return Object.entries(RECIPES)
    .map(([name, numbers]) => `${numbers[key]} for ${name}`)
    .join(", ");
}

export const tuneCommand = withCache(cli.withPreprocessing(cli.withData(cli.withEngine(base), { parts: true })))
  .argument("<model>", cli.MODEL)
  .requiredOption("--out <dir>", "model directory to write")
  .option("--tune <what>", `what is trained (${modes.join("; ")})`, TUNE_DEFAULTS.mode)
  .addOption(
    new Option(
      "--recipe <name>",
      `how pictures are shown, and the numbers below (${Object.entries(RECIPES)
        .map(([name, { summary }]) => `${name}: ${summary}`)
        .join("; ")})`,
    )
      .choices(RECIPE_NAMES)
      .default(TUNE_DEFAULTS.recipe),
  )
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
  .option("--decay-epochs <n>", "epochs after which it falls to a tenth", cli.positiveNumber, TUNE_DEFAULTS.decayEpochs)
  .option("--momentum <m>", "momentum", cli.fraction, TUNE_DEFAULTS.momentum)
  .option("--weight-decay <d>", "weight decay", cli.nonNegativeNumber, TUNE_DEFAULTS.weightDecay)
  .option("--label-smoothing <s>", "label smoothing", cli.fraction, TUNE_DEFAULTS.labelSmoothing)
  .option("--seed <n>", "seed of the order", cli.nonNegativeInteger, TUNE_DEFAULTS.seed)
  .addOption(
    new Option("--select-on <pictures>", "what chooses the epoch: a holdout of the training set, or val (optimistic)")
      .choices(SELECT_ON)
      .default(TUNE_DEFAULTS.selectOn),
  )
  .option("--holdout <share>", "of each class, for --select-on holdout", cli.fraction, TUNE_DEFAULTS.holdout)
  .action(async (directory: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const data = await openSplits(options.data, { ...options, classes: expectedClasses(model) });
    [...data.train.notes, ...data.val.notes].forEach(progress.note);
    const preprocessing = cli.resolvedPreprocessing(model, options, progress, { tuning: true });
    const { tune: mode, decayEpochs, momentum, weightDecay, labelSmoothing, seed, views } = options;
    const { cacheType, selectOn, holdout, recipe } = options;
    const defaults = tuneDefaults(recipe);
    const { epochs = defaults.epochs, baseLearningRate = defaults.baseLearningRate } = options;
    const batchSize = options.batchSize ?? Math.min(defaults.batchSize, data.train.samples.length);
    const learning = { epochs, baseLearningRate, decayEpochs, momentum, weightDecay, labelSmoothing, seed };
    const tuning = { mode, recipe, views, ...learning, cacheType, selectOn, holdout };
    const found = await tune(
      model,
      data,
      { ...tuning, preprocessing, batchSize, onBadImage: options.onBadImage },
      {
        directory: options.out,
        device: options.device,
        threads: options.threads,
        cache: cacheOf(options),
        signal,
        progress,
      },
    );
    const { before, after, ...rest } = found;
    const result = { ...rest, before: before.top1, after: after.top1, beforeMetrics: before, afterMetrics: after };
    cli.print(options.json, result, () =>
      [
        `before: top-1 ${cli.percent(before.top1)} (95%: ${cli.interval(before.ci95)}), loss ${before.loss.toFixed(4)}`,
        `after:  top-1 ${cli.percent(after.top1)} (95%: ${cli.interval(after.ci95)}), loss ${after.loss.toFixed(4)}`,
        ...(found.selection?.optimistic ? ["optimistic: the same pictures have chosen the epoch and measured it"] : []),
        `gain:   ${cli.points(found.gain, found.ci95)}, ${cli.pValue(found.pValue)} (McNemar; ${found.gained} pictures gained, ${found.lost} lost of ${found.n})`,
        `${found.model}, in ${found.seconds.toFixed(1)} s${cli.badPictures(found.bad, options.onBadImage)}`,
      ].join("\n"),
    );
  });
