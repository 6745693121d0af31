import { type Command, InvalidArgumentError, Option } from "commander";
import { FILTERS, SAMPLINGS } from "../data/index.js";
import { PRECISIONS } from "../models/index.js";
import {
  BALANCES,
  CLASS_WEIGHTS,
  checkTrainOptions,
  defaultTrainOptions,
  METRICS,
  NORMALIZATIONS,
  OPTIMIZERS,
  PSEUDO_LABELS,
  RECIPE_NAMES,
  SCHEDULES,
  type TrainOptions,
} from "../train/index.js";
import * as cli from "./options.js";

/** The options of `train` as they are typed; what decides the result has the names of `TrainOptions`. */
export interface TrainCommandOptions
  extends cli.EngineOptions,
    Partial<Omit<TrainOptions, "resolution" | "earlierResolutions" | "onBadImage" | "batchSize">> {
  readonly queue?: string | true;
  readonly store?: string;
  readonly localSteps?: number;
  readonly replicas?: number;
  readonly outerLearningRate?: number;
  readonly outerMomentum?: number;
  readonly data?: string;
  readonly out?: string;
  readonly recipe?: string;
  readonly config?: string;
  readonly resume?: string;
  readonly from?: string;
  readonly width?: number;
  readonly depth?: number;
  /** The earlier ones, and the last. */
  readonly resolution?: readonly number[];
  readonly testResolution?: number;
  /** Of the training crops, where it is not that of the test. */
  readonly trainInterpolation?: string;
  readonly cropRatio?: number;
  readonly exifOrientation?: boolean;
  readonly cacheMemory: number;
  readonly selfCheck: boolean;
  readonly recompute?: string;
  readonly teacher?: string;
  readonly labelFile?: string;
  readonly unlabelled?: string;
  readonly rounds?: number;
  readonly student?: readonly string[];
  /** Steps, or true for their usual number. */
  readonly findLr?: number | true;
}

/** Resolutions in the order of the run, such as 128:160:192. */
function resolutions(text: string): number[] {
  try {
    return text.split(":").map(cli.positiveInteger);
  } catch {
    throw new InvalidArgumentError(
      "Give a resolution, such as 224, or some from the first to the last, such as 128:160:192.",
    );
  }
}

function names(text: string): string[] {
  const found = text.split(",");
  if (found.every((name) => name !== "")) return found;
  throw new InvalidArgumentError("Give names, with a comma between two.");
}

/** A factor above 0 and up to 1. */
function share(text: string): number {
  const value = cli.positiveNumber(text);
  if (value > 1) throw new InvalidArgumentError("Give a number above 0 and up to 1.");
  return value;
}

/** An option of the run that training checks, with its message, before anything is opened. */
function checked<K extends keyof TrainOptions>(name: K, value: TrainOptions[K]): TrainOptions[K] {
  return checkTrainOptions({ ...defaultTrainOptions({ resolution: 224, dropout: 0 }), [name]: value })[name];
}

const checkedNumber = (name: "colorJitter" | "erasing" | "mixup" | "cutmix" | "mixProbability" | "mixSwitch") => {
  return (text: string): number => checked(name, cli.number(text));
};

/** What the run is about: model, data, and where the options come from. */
const withSubject = (to: Command): Command =>
  to
    .argument("[arch]", "architecture, such as efficientnet_b0, or a model directory to train on from")
    .option("--data <dir>", "directory with train/ and val/: folders a class, tars, Parquet, ... (docs/DATA.md)")
    .option("--out <dir>", "directory of the run; one that is there goes on")
    .option("--recipe <name|file>", `options by name (${RECIPE_NAMES.join(", ")}), or from a JSON or YAML file`)
    .option("--config <file>", "all that a run was started with, from its config.json")
    .option("--resume <dir>", "go on with a run by its own config.json")
    .option("--from <model>", "model to transfer: it gets a fresh classifier where the data have other classes")
    .option("--width <factor>", "multiplier of channels instead of the architecture's", cli.positiveNumber)
    .option("--depth <factor>", "multiplier of repeats instead of the architecture's", cli.positiveNumber);

const withPictures = (to: Command): Command =>
  to
    .option(
      "--resolution <px>",
      "side of the training crops, or several from first to last, 128:160:192 (default: the architecture's)",
      resolutions,
    )
    .option("--test-resolution <px>", "resolution of the validation (default: the training's)", cli.positiveInteger)
    .option("--crop-ratio <c>", "crop ratio of the validation (default: 0.875)", cli.positiveNumber)
    .addOption(new Option("--interpolation <filter>", "resampling filter (default: bicubic)").choices(FILTERS))
    .addOption(
      new Option("--train-interpolation <filter>", "that of training crops alone; random: bilinear or bicubic").choices(
        [...FILTERS, "random"],
      ),
    )
    .option("--min-crop-area <a>", "least share of the area that a crop takes (default: 0.08)", cli.positiveNumber)
    .option("--flip <p>", "probability of mirroring (default: 0.5)", cli.nonNegativeNumber)
    .addOption(
      new Option(
        "--sampling <how>",
        "an epoch's pictures: each once, classes alike, or a third three times (default: shuffled)",
      ).choices(SAMPLINGS),
    );

/** What becomes of crops and batches. */
const withAugmentation = (to: Command): Command =>
  to
    .option(
      "--augment <name>",
      "augmentation, such as rand-m9-n2-mstd0.5 or v0; none (docs/AUGMENTATION.md; default: none)",
      (name) => checked("augment", name),
    )
    .option(
      "--color-jitter <j>",
      "how far brightness, contrast and saturation go, such as 0.4 (default: 0)",
      checkedNumber("colorJitter"),
    )
    .option("--erasing <p>", "probability of erasing a part by noise (default: 0)", checkedNumber("erasing"))
    .option("--mixup <alpha>", "mixup, such as 0.2 (default: 0, none)", checkedNumber("mixup"))
    .option("--cutmix <alpha>", "CutMix, such as 1 (default: 0, none)", checkedNumber("cutmix"))
    .option("--mix-probability <p>", "of mixing a batch (default: 1)", checkedNumber("mixProbability"))
    .option("--mix-switch <p>", "probability of CutMix where both are on (default: 0.5)", checkedNumber("mixSwitch"));

const withOptimizer = (to: Command): Command =>
  to
    .option("--epochs <n>", "epochs (default: 30)", cli.positiveInteger)
    .option("--seed <n>", "seed of weights, order, crops and noise (default: 0)", cli.nonNegativeInteger)
    .addOption(new Option("--optimizer <name>", "optimizer (default: sgd)").choices(OPTIMIZERS))
    .option("--learning-rate <l>", "learning rate (default: 0.1 an update of 64, in proportion)", cli.positiveNumber)
    .addOption(new Option("--schedule <name>", "how the learning rate moves (default: cosine)").choices(SCHEDULES))
    .option("--warmup-epochs <n>", "epochs of linear warm-up (default: 1)", cli.nonNegativeNumber)
    .option("--decay-factor <f>", "schedules step and exponential: factor (default: 0.1)", cli.positiveNumber)
    .option(
      "--decay-epochs <n>",
      "schedules step and exponential: every so many epochs (default: 30)",
      cli.positiveNumber,
    )
    .option("--momentum <m>", "momentum (default: 0.9)", cli.fraction)
    .option("--square-decay <d>", "rmsprop: weight of the old square average (default: 0.9)", cli.fraction)
    .option("--epsilon <e>", "rmsprop, adamw, lamb: epsilon (default: the optimizer's own)", cli.positiveNumber)
    .option("--weight-decay <d>", "weight decay, not on norms and biases (default: 1e-5)", cli.nonNegativeNumber)
    .option("--clip-norm <c>", "largest norm of all gradients together (default: no bound)", cli.nonNegativeNumber)
    .option("--accumulate <k>", "batches whose mean gradient makes an update (default: 1)", cli.positiveInteger)
    .addOption(
      new Option(
        "--precision <name>",
        "mixed: activations in float16, parameters and sums in float32 (default: float32)",
      ).choices(PRECISIONS),
    )
    .option("--freeze <parts>", "what stays as it is: stem, blocks.0-3, blocks.2.1, head; by commas", names)
    .option("--layer-decay <f>", "factor of the learning rate from each block to the one before (default: 1)", share);

const withModel = (to: Command): Command =>
  to
    .option("--label-smoothing <s>", "label smoothing (default: 0.1)", cli.fraction)
    .addOption(
      new Option(
        "--class-weights <how>",
        "weight of classes in the loss: balanced is inverse to their pictures (default: none)",
      ).choices(CLASS_WEIGHTS),
    )
    .option("--dropout <p>", "dropout before the classifier (default: the architecture's)", cli.fraction)
    .option("--drop-path <p>", "drop path at the last block, linear with depth (default: 0.2)", cli.fraction)
    .option("--stat-decay <d>", "weight of BatchNorm's old running statistics (default: 0.9)", cli.fraction)
    .option(
      "--average-decay <d>",
      "keep a moving average of the weights, such as 0.9999 (default: none)",
      cli.fraction,
    );

/** AdvProp's. */
const withAdversary = (to: Command): Command =>
  to
    .option(
      "--adv-epsilon <e>",
      "AdvProp: learn from adversarial pictures too, whose pixels move by up to e of 255, such as 4 (default: 0, none)",
      cli.nonNegativeNumber,
    )
    .option("--adv-steps <n>", "gradients that they follow (default: e + 1, or 1 for e = 1)", cli.nonNegativeInteger)
    .option("--adv-step-size <a>", "how far a pixel moves along each, of 255 (default: 1)", cli.positiveNumber)
    .addOption(
      new Option(
        "--normalization <name>",
        "mean and deviation of pictures for a fresh network: imagenet, or half (0.5) (default: model, its own)",
      ).choices(NORMALIZATIONS),
    );

const withChoice = (to: Command): Command =>
  to
    .addOption(new Option("--metric <name>", "what chooses the best epoch (default: top1)").choices(METRICS))
    .option("--patience <n>", "stop after so many epochs without a better one (default: never)", cli.nonNegativeInteger)
    .option("--keep <n>", "keep the models of the n best epochs (default: 0)", cli.nonNegativeInteger)
    .option("--find-lr [steps]", "try learning rates over so many steps, and train nothing (100)", cli.positiveInteger)
    .option(
      "--recompute <parts>",
      "activations that are computed again for the gradients, and not kept: none, all, parts such as stem,blocks.0-3; or all where memory is short",
      "auto",
    )
    .option("--cache-memory <GiB>", "decoded pictures to keep in memory", cli.nonNegativeNumber, 1);

const withStudents = (to: Command): Command =>
  to
    .option("--teacher <model>", "Noisy Student: who labels the unlabelled pictures first (docs/STUDENT.md)")
    .option("--unlabelled <path>", "pictures without labels: a folder of any depth, tars, Parquet")
    .option("--label-file <file>", "labels that `fixres label` made, in place of --teacher in the first round")
    .option("--rounds <n>", "how often a student is trained and teaches the next (default: 1)", cli.positiveInteger)
    .option("--student <archs>", "architectures of the rounds, by commas; the last goes on (default: ARCH)", names)
    .option("--unlabelled-ratio <r>", "unlabelled pictures of a batch for each labelled one", cli.nonNegativeNumber)
    .option("--threshold <p>", "least probability of a pseudo label, which is to be above (default: 0.3)", cli.fraction)
    .addOption(
      new Option("--pseudo-labels <kind>", "all of the teacher's probabilities, or its choice (default: soft)").choices(
        PSEUDO_LABELS,
      ),
    )
    .addOption(
      new Option("--balance <how>", "classes alike: drop the least confident, repeat, both (default: both)").choices(
        BALANCES,
      ),
    )
    .option("--per-class <n>", "pictures a class then has (default: the mean)", cli.positiveInteger);

/** Training on many machines. */
const withRounds = (to: Command): Command =>
  to
    .option("--queue [address]", "have workers take the steps, in rounds: redis://... (docs/CLUSTER.md)")
    .option("--store <dir>", "the folder here that workers know as their --store (default: /)")
    .option("--local-steps <n>", "steps of each replica between two averages", cli.positiveInteger)
    .option("--replicas <n>", "replicas of the network, whatever the number of workers", cli.positiveInteger)
    .option("--outer-learning-rate <x>", "of the step along the average (default: 1)", cli.positiveNumber)
    .option("--outer-momentum <m>", "Nesterov momentum of that step (default: 0)", cli.fraction);

/** Adds all that `train` takes. */
export const withTrainOptions = (to: Command): Command =>
  [
    withSubject,
    withPictures,
    withAugmentation,
    withOptimizer,
    withModel,
    withStudents,
    withAdversary,
    withChoice,
    withRounds,
  ].reduce((command, add) => add(command), to);
