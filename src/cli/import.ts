import { readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { InvalidArgumentError, Option } from "commander";
import { DataError, RequestError, reason } from "../errors.js";
import { testPreprocessing } from "../evaluate/index.js";
import {
  architecture,
  importModel,
  type PretrainedConfig,
  PUBLISHED_WEIGHTS,
  pretrainedConfig,
  publishedWeights,
  saveModel,
} from "../models/index.js";
import type { Progress } from "../progress.js";
import { fetchFromHub, type HubWeights, hubName, hubSettings, openWeights, pinned } from "../weights/index.js";
import * as cli from "./options.js";

interface Options extends cli.PreprocessingOptions {
  readonly out: string;
  readonly arch?: string;
  readonly weights?: string;
  readonly width?: number;
  readonly depth?: number;
  readonly classes?: string;
  readonly allowMissing?: RegExp;
  readonly offline?: boolean;
  readonly json?: boolean;
}

const base = cli.command(
  "import",
  "Bring pretrained weights in: safetensors, PyTorch or TensorFlow checkpoints, ONNX classifiers; from disk or the hub.",
  [
    "fixres import hub:timm/tf_efficientnet_b0.ns_jft_in1k --out models/b0",
    "fixres import model.safetensors --out models/b0     # with timm's config.json beside it",
    "fixres import downloaded.pth --weights tf_efficientnet_b0.ap_in1k --out models/b0-ap",
    "fixres import efficientnet_b3.pth --arch efficientnet_b3 --out models/b3",
    "fixres import efficientnet-b0/model.ckpt --weights tf_efficientnet_b0.ap_in1k --out models/b0-ap",
    "fixres import resnet50.onnx --classes names.txt --resolution 224 --out models/resnet50",
  ],
);

export const importCommand = cli
  .withPreprocessing(base)
  .argument(
    "<file>",
    "weight file, or hub:OWNER/NAME[@REVISION][:FILE], with names of timm, torchvision, lukemelas/EfficientNet-PyTorch or tensorflow/tpu (the checkpoint's prefix, one of its files, or its folder), or an ONNX classifier",
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
  .option("--offline", "of a hub's name take what the cache holds, without the network (or HF_HUB_OFFLINE=1)")
  .addHelpText(
    "after",
    "\nOf a hub's name the files go to the cache that all clients of the Hugging Face hub share. HF_HUB_CACHE or HF_HOME\n" +
      "place it, HF_ENDPOINT names a mirror, HF_TOKEN opens private and gated repositories.",
  )
  .action(async (given: string, options: Options) => {
    const { mean, std, out, width, depth, allowMissing, json } = options;
    const asked = options.weights === undefined ? null : publishedWeights(options.weights);
    const { progress, signal } = cli.surroundings();
    const weights = await found(given, options.offline, progress, signal);
    const { path, config: beside, title, from, origin } = weights;
    const config = beside === null ? null : await pretrainedConfig(beside);
    if (path.endsWith(".onnx")) {
      await importOnnx(weights, options, config, progress);
      return;
    }
    // What is asked for, what stands beside the file, what the file is called: in that order.
    const called = PUBLISHED_WEIGHTS.includes(title) ? publishedWeights(title) : null;
    const name = options.arch ?? asked?.architecture ?? config?.architecture ?? called?.architecture;
    if (name === undefined)
      throw new RequestError(
        `"${given}" has no config.json beside it; say what it is by --weights or --arch, such as tf_efficientnet_b0.`,
      );
    const classes = options.classes === undefined ? config?.classes : await lines(options.classes);
    const source = await openWeights(path);
    try {
      const arch = architecture(name, { width, depth });
      const imported = await importModel(source, {
        arch,
        from,
        origin,
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

/** A classifier as an ONNX file with what the options, or a config.json beside it, say of it. */
async function importOnnx(
  { path, from, origin }: Found,
  options: Options,
  config: PretrainedConfig | null,
  progress: Progress,
): Promise<void> {
  const { out, arch, weights, json } = options;
  if (arch !== undefined || weights !== undefined)
    throw new RequestError(`"${from}" says itself what network it holds; leave --arch and --weights out.`);
  const given = { mean: config?.input?.mean, std: config?.input?.std, ...options };
  const model = await cli.openModel(path, given, progress);
  const classes = options.classes === undefined ? config?.classes : await lines(options.classes);
  if (classes !== undefined && classes.length !== model.classes.length)
    throw new RequestError(
      `${classes.length} class names were given, but the network has ${model.classes.length} outputs.`,
    );
  const input = { ...model.input, ...config?.input, mean: model.input.mean, std: model.input.std };
  const imported = {
    ...model,
    classes: classes ?? model.classes,
    input: { ...input, ...testPreprocessing(input, options) },
    provenance: model.provenance.map(({ unnamed, ...rest }) => ({
      ...rest,
      from,
      ...origin,
      ...(unnamed && classes === undefined ? { unnamed } : {}),
    })),
  };
  cli.sayPreprocessing(imported, progress);
  await saveModel(out, imported);
  const { tensors, arch: network } = imported;
  cli.print(
    json,
    { model: out, arch: "onnx", tensors: tensors.size, unused: [], missing: [] },
    () => `${network.name} with ${imported.classes.length} classes and ${tensors.size} tensors is in ${out}`,
  );
}

/** A weight file with what is known of it. */
interface Found {
  readonly path: string;
  /** Where its `config.json` would be; null where there is none. */
  readonly config: string | null;
  /** Its own name, which may be that of published weights. */
  readonly title: string;
  /** What it is called from now on. */
  readonly from: string;
  readonly origin?: HubWeights["origin"];
}

/** A weight file on this disk, fetched where the hub's name is given. */
async function found(
  given: string,
  offline: boolean | undefined,
  progress: Progress,
  signal: AbortSignal,
): Promise<Found> {
  const name = hubName(given);
  if (name === null)
    return {
      path: given,
      config: join((await isFolder(given)) ? given : dirname(given), "config.json"),
      title: basename(given, extname(given)),
      from: given,
    };
  const settings = await hubSettings();
  const known = PUBLISHED_WEIGHTS.map((weights) => `timm/${weights}`);
  const { path, config, origin } = await fetchFromHub(
    name,
    { ...settings, offline: offline || settings.offline },
    { progress, signal, known },
  );
  return { path, config, title: basename(name.repo), from: pinned(origin), origin };
}

const isFolder = async (path: string): Promise<boolean> => (await stat(path).catch(() => null))?.isDirectory() === true;

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
