import { stat } from "node:fs/promises";
import { Option } from "commander";
import { checkClasses, FILTERS, openSplits, type Splits } from "../data/index.js";
import { RequestError } from "../errors.js";
import {
  ARCHITECTURES,
  architecture,
  type EfficientNet,
  expectedClasses,
  freshModel,
  isEfficientNet,
  loadModel,
} from "../models/index.js";
import { defaultTrainOptions, OPTIMIZERS, SCHEDULES, type TrainOptions, train } from "../train/index.js";
import * as cli from "./options.js";
import { table } from "./table.js";

interface Options extends cli.EngineOptions, Partial<Omit<TrainOptions, "onBadImage" | "batchSize">> {
  readonly data: string;
  readonly out: string;
  readonly width?: number;
  readonly depth?: number;
  readonly testResolution?: number;
  readonly cropRatio?: number;
  readonly exifOrientation?: boolean;
  readonly cacheMemory: number;
}

const base = cli.command("train", "Train a network from scratch, or on from a model. A run that was stopped goes on.", [
  "fixres train efficientnet_b0 --data pictures --resolution 224 --epochs 30 --out runs/b0",
  "fixres train efficientnet_b0 --width 0.5 --depth 0.5 --data pictures --resolution 64 --out runs/small",
  "fixres train models/b0 --data pictures --learning-rate 0.01 --out runs/b0-more",
]);

export const trainCommand = cli
  .withExifOrientation(cli.withEngine(base))
  .argument("<arch>", "architecture, such as efficientnet_b0, or a model directory to train on from")
  .requiredOption("--data <dir>", "directory with train/ and val/: folders a class, tars, Parquet, ... (docs/DATA.md)")
  .requiredOption("--out <dir>", "directory of the run; one that is there goes on")
  .option("--width <factor>", "multiplier of channels instead of the architecture's", cli.positiveNumber)
  .option("--depth <factor>", "multiplier of repeats instead of the architecture's", cli.positiveNumber)
  .option("--resolution <px>", "side of the training crops (default: the architecture's)", cli.positiveInteger)
  .option("--test-resolution <px>", "resolution of the validation (default: the training's)", cli.positiveInteger)
  .option("--crop-ratio <c>", "crop ratio of the validation (default: 0.875)", cli.positiveNumber)
  .addOption(new Option("--interpolation <filter>", "resampling filter (default: bicubic)").choices(FILTERS))
  .option("--epochs <n>", "epochs (default: 30)", cli.positiveInteger)
  .option("--seed <n>", "seed of weights, order, crops and noise (default: 0)", cli.nonNegativeInteger)
  .addOption(new Option("--optimizer <name>", "optimizer (default: sgd)").choices(OPTIMIZERS))
  .option("--learning-rate <l>", "learning rate (default: 0.1 a batch of 64, in proportion)", cli.positiveNumber)
  .addOption(new Option("--schedule <name>", "how the learning rate moves (default: cosine)").choices(SCHEDULES))
  .option("--warmup-epochs <n>", "epochs of linear warm-up (default: 1)", cli.nonNegativeNumber)
  .option("--decay-factor <f>", "schedules step and exponential: factor (default: 0.1)", cli.positiveNumber)
  .option(
    "--decay-epochs <n>",
    "schedules step and exponential: every so many epochs (default: 30)",
    cli.positiveNumber,
  )
  .option("--momentum <m>", "momentum (default: 0.9)", cli.fraction)
  .option("--weight-decay <d>", "weight decay, not on norms and biases (default: 1e-5)", cli.nonNegativeNumber)
  .option("--label-smoothing <s>", "label smoothing (default: 0.1)", cli.fraction)
  .option("--dropout <p>", "dropout before the classifier (default: the architecture's)", cli.fraction)
  .option("--drop-path <p>", "drop path at the last block, linear with depth (default: 0.2)", cli.fraction)
  .option("--min-crop-area <a>", "least share of the area that a crop takes (default: 0.08)", cli.positiveNumber)
  .option("--flip <p>", "probability of mirroring (default: 0.5)", cli.nonNegativeNumber)
  .option("--cache-memory <GiB>", "decoded pictures to keep in memory", cli.nonNegativeNumber, 1)
  .action(async (name: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const data = await openSplits(options.data);
    [...data.train.notes, ...data.val.notes].forEach(progress.note);
    const model = await startingPoint(name, data, options);
    const recipe = resolved(model, data, options);
    const { testResolution = recipe.resolution, cropRatio, interpolation, exifOrientation } = options;
    const test = { resolution: testResolution, cropRatio, interpolation, exifOrientation };
    const preprocessing = cli.resolvedPreprocessing(model, test, progress);
    const found = await train(model, data, recipe, preprocessing, {
      directory: options.out,
      device: options.device,
      threads: options.threads,
      cacheBytes: options.cacheMemory * 2 ** 30,
      signal,
      progress,
    });
    cli.print(options.json, found, () =>
      [
        table(
          ["epoch", "train loss", "train top-1", "val loss", "val top-1", "95% interval"],
          found.epochs.map((row) => [
            String(row.epoch),
            row.trainLoss.toFixed(4),
            cli.percent(row.trainTop1),
            row.val.loss.toFixed(4),
            cli.percent(row.val.top1),
            cli.interval(row.val.ci95),
          ]),
        ),
        `best: epoch ${found.best.epoch}, top-1 ${cli.percent(found.best.top1)} (${found.best.model}); last: ${found.model}`,
      ].join("\n"),
    );
  });

/** A fresh model of an architecture for the data's classes, or the model of a directory. */
async function startingPoint(name: string, data: Splits, { width, depth, seed = 0 }: Options): Promise<EfficientNet> {
  const isThere = (await stat(name).catch(() => null)) !== null;
  if (ARCHITECTURES.includes(name) || !isThere)
    return freshModel(architecture(name, { width, depth }), data.train.classes, seed);
  const model = await loadModel(name);
  if (!isEfficientNet(model))
    throw new RequestError(
      `"${name}" is an ONNX network of another family; it can be tuned (fixres tune), not trained.`,
    );
  checkClasses(data.train, expectedClasses(model));
  // A model that was only initialised knows how many classes it has, not their names.
  return { ...model, classes: data.train.classes };
}

function resolved(model: EfficientNet, data: Splits, options: Options): TrainOptions {
  const { resolution = model.input.resolution, onBadImage } = options;
  const defaults = defaultTrainOptions({ resolution, dropout: model.arch.dropout });
  const batchSize = options.batchSize ?? Math.min(defaults.batchSize, data.train.samples.length);
  const { epochs = defaults.epochs, warmupEpochs = Math.min(defaults.warmupEpochs, epochs) } = options;
  const learningRate = options.learningRate ?? (defaults.learningRate * batchSize) / 64;
  const given = Object.fromEntries(
    Object.keys(defaults).flatMap((key) => {
      const value = options[key as keyof Options];
      return value === undefined ? [] : [[key, value]];
    }),
  );
  return { ...defaults, ...given, resolution, batchSize, epochs, warmupEpochs, learningRate, onBadImage };
}
