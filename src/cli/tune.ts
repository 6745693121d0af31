import { Option } from "commander";
import { openSplits } from "../data/index.js";
import { SELECT_ON, TUNE_DEFAULTS, TUNE_MODES, type TuneModeName, type TuneOptions, tune } from "../fixres/index.js";
import { expectedClasses } from "../models/index.js";
import { type CacheOptions, cacheOf, withCache } from "./cache-options.js";
import * as cli from "./options.js";

/** Those of the recipe are called as `TuneOptions` has them. */
type Recipe = Omit<TuneOptions, "mode" | "preprocessing" | "batchSize" | "onBadImage">;

interface Options extends cli.EngineOptions, cli.PreprocessingOptions, cli.DataOptions, CacheOptions, Recipe {
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

export const tuneCommand = withCache(cli.withPreprocessing(cli.withData(cli.withEngine(base), { parts: true })))
  .argument("<model>", cli.MODEL)
  .requiredOption("--out <dir>", "model directory to write")
  .option("--tune <what>", `what is trained (${modes.join("; ")})`, TUNE_DEFAULTS.mode)
  .option("--epochs <n>", "epochs", cli.positiveInteger, TUNE_DEFAULTS.epochs)
  .option(
    "--base-learning-rate <b>",
    "b in the learning rate 8 b batch / 512",
    cli.positiveNumber,
    TUNE_DEFAULTS.baseLearningRate,
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
    const { tune: mode, epochs, baseLearningRate, decayEpochs, momentum, weightDecay, labelSmoothing, seed } = options;
    const { cacheType, selectOn, holdout } = options;
    const batchSize = options.batchSize ?? Math.min(TUNE_DEFAULTS.batchSize, data.train.samples.length);
    const learning = { mode, epochs, baseLearningRate, decayEpochs, momentum, weightDecay, labelSmoothing, seed };
    const recipe = { ...learning, cacheType, selectOn, holdout };
    const found = await tune(
      model,
      data,
      { ...recipe, preprocessing, batchSize, onBadImage: options.onBadImage },
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
