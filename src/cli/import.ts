import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { InvalidArgumentError, Option } from "commander";
import { DataError, RequestError, reason } from "../errors.js";
import { testPreprocessing } from "../evaluate/index.js";
import {
  architecture,
  importModel,
  PUBLISHED_WEIGHTS,
  pretrainedConfig,
  publishedWeights,
  saveModel,
} from "../models/index.js";
import { openWeights } from "../weights/index.js";
import * as cli from "./options.js";

interface Options extends cli.PreprocessingOptions {
  readonly out: string;
  readonly arch?: string;
  readonly weights?: string;
  readonly width?: number;
  readonly depth?: number;
  readonly classes?: string;
  readonly allowMissing?: RegExp;
  readonly mean?: number[];
  readonly std?: number[];
  readonly json?: boolean;
}

const base = cli.command("import", "Bring pretrained weights in: safetensors, PyTorch or TensorFlow checkpoints.", [
  "fixres import model.safetensors --out models/b0     # with timm's config.json beside it",
  "fixres import downloaded.pth --weights tf_efficientnet_b0.ap_in1k --out models/b0-ap",
  "fixres import efficientnet_b3.pth --arch efficientnet_b3 --out models/b3",
  "fixres import efficientnet-b0/model.ckpt --weights tf_efficientnet_b0.ap_in1k --out models/b0-ap",
]);

export const importCommand = cli
  .withPreprocessing(base)
  .argument(
    "<file>",
    "weight file, with names of timm, torchvision, lukemelas/EfficientNet-PyTorch or tensorflow/tpu; for TensorFlow the checkpoint's prefix, one of its files, or its folder",
  )
  .requiredOption("--out <dir>", "model directory to write")
  .option("--arch <name>", "architecture (default: that of the config.json beside the file; see fixres models)")
  .option(
    "--weights <name>",
    "timm's name of published weights, such as tf_efficientnet_b0.ap_in1k (default: the file's own)",
  )
  .option("--width <factor>", "multiplier of channels instead of the architecture's", cli.positiveNumber)
  .option("--depth <factor>", "multiplier of repeats instead of the architecture's", cli.positiveNumber)
  .option(
    "--classes <file>",
    "class names, a line each, in the order of the outputs (default: ImageNet's ids for 1,000)",
  )
  .addOption(
    new Option(
      "--allow-missing <pattern>",
      "parameters, by timm's names, that may be missing and stay fresh",
    ).argParser(pattern),
  )
  .addOption(new Option("--mean <r,g,b>", "means of the channels, 0 to 1 (default: ImageNet's)").argParser(channels))
  .addOption(new Option("--std <r,g,b>", "their standard deviations (default: ImageNet's)").argParser(channels))
  .action(async (file: string, options: Options) => {
    const { progress } = cli.surroundings();
    const { mean, std, out, width, depth, allowMissing, json } = options;
    const config = await pretrainedConfig(file);
    // What is asked for, what stands beside the file, what the file is called: in that order.
    const asked = options.weights === undefined ? null : publishedWeights(options.weights);
    const called = PUBLISHED_WEIGHTS.includes(fileName(file)) ? publishedWeights(fileName(file)) : null;
    const name = options.arch ?? asked?.architecture ?? config?.architecture ?? called?.architecture;
    if (name === undefined)
      throw new RequestError(
        `"${file}" has no config.json beside it; say what it is by --weights or --arch, such as tf_efficientnet_b0.`,
      );
    const classes = options.classes === undefined ? config?.classes : await lines(options.classes);
    const source = await openWeights(file);
    try {
      const arch = architecture(name, { width, depth });
      const imported = await importModel(source, {
        arch,
        from: file,
        classes,
        allowMissing,
        input: { ...called?.input, ...config?.input, ...asked?.input },
      });
      imported.notes.forEach(progress.note);
      const { input } = imported.model;
      const model = {
        ...imported.model,
        input: { ...input, ...testPreprocessing(input, options), mean: mean ?? input.mean, std: std ?? input.std },
      };
      cli.sayPreprocessing(model, progress);
      await saveModel(out, model);
      const { missing, scheme } = imported;
      const result = { model: out, arch: name, scheme, tensors: model.tensors.size, unused: [], missing };
      cli.print(
        json,
        result,
        () => `${name} with ${model.classes.length} classes and ${model.tensors.size} tensors is in ${out}`,
      );
    } finally {
      await source.close();
    }
  });

const fileName = (file: string): string => basename(file, extname(file));

function channels(text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.length !== 3 || values.some((value) => !(value > 0 && value <= 1)))
    throw new InvalidArgumentError("Give three numbers above 0 and up to 1, such as 0.5,0.5,0.5.");
  return values;
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

async function lines(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new DataError(`class names "${path}" cannot be read: ${reason(error)}.`);
  });
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}
