import { join } from "node:path";
import { Option } from "commander";
import { TRANSFORMS } from "../data/index.js";
import { writeFileAtomic } from "../files.js";
import {
  PRESETS,
  preset,
  RECIPE_NAMES,
  RECIPES,
  type ReproduceOptions,
  reproduce,
  TUNE_DEFAULTS,
} from "../fixres/index.js";
import { gainsText, reproductionMarkdown, reproductionTable } from "../report/index.js";
import { type CacheOptions, cacheOf, withCache } from "./cache-options.js";
import * as cli from "./options.js";
import { table } from "./table.js";

interface Options extends cli.EngineOptions, CacheOptions, Omit<ReproduceOptions, "cacheType"> {
  readonly onBadImage: cli.EngineOptions["onBadImage"];
  readonly data: string;
  readonly out: string;
  readonly real?: string;
  readonly v2?: string;
  readonly weights?: string;
  readonly offline?: boolean;
}

const recipes = RECIPE_NAMES.map((name) => `${name}: ${RECIPES[name].summary}`).join("; ");

export const reproduceCommand = withCache(
  cli.withEngine(
    cli.command(
      "reproduce",
      "A whole experiment of FixEfficientNet's: import, test, tune and test again, beside the paper's numbers.",
      [
        "fixres reproduce fixefficientnet-b0 --data imagenet --out reproductions/b0",
        "fixres reproduce fixefficientnet-b4-extra --data imagenet --real real.json --v2 imagenetv2 --out reproductions/b4",
        "fixres reproduce fixefficientnet-b0 --data imagenet --recipe test --weights b0-ap.pth --out reproductions/b0",
      ],
    ),
  ),
)
  .argument("<name>", `${PRESETS[0]!.name}, ... (all are listed below)`)
  .requiredOption("--data <path>", "ImageNet: directory with train/ and val/, in any form of docs/DATA.md")
  .requiredOption("--out <dir>", "directory for models, evaluations and the report; goes on if it was stopped")
  .option("--real <file>", "test by ReaL labels too: the JSON of google-research/reassessed-imagenet")
  .option("--v2 <path>", "test on ImageNet-V2 (matched frequency) too")
  .option("--weights <path>", "a file of the weights, or a model directory (default: the hub's, by name)")
  .option("--offline", "take what the hub's cache holds, without the network (or HF_HUB_OFFLINE=1)")
  .addOption(new Option("--recipe <name>", `how it is tuned (${recipes}; default: the preset's)`).choices(RECIPE_NAMES))
  .addOption(new Option("--transform <name>", "whose resize (default: the preset's)").choices(TRANSFORMS))
  .option(
    "--views <k>",
    "draws of test+ that are kept and take turns; 0 draws anew in each epoch",
    cli.nonNegativeInteger,
  )
  .option("--epochs <n>", "epochs (default: the recipe's)", cli.positiveInteger)
  .option("--seed <n>", "seed of the order", cli.nonNegativeInteger, TUNE_DEFAULTS.seed)
  .addHelpText("after", () => `\nPresets:\n${presetLines()}`)
  .action(async (name: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const { data: imagenet, real, v2, out: directory, weights, offline, device, threads } = options;
    const { recipe, transform, epochs, views, batchSize, seed, cacheType, onBadImage } = options;
    const found = await reproduce(
      preset(name),
      { imagenet, real, v2 },
      { recipe, transform, epochs, views, batchSize, seed, cacheType, onBadImage },
      { directory, weights, offline, device, threads, cache: cacheOf(options), signal, progress },
    );
    const [json, markdown] = [join(directory, "report.json"), join(directory, "report.md")];
    await writeFileAtomic(json, `${JSON.stringify(found, null, 2)}\n`);
    await writeFileAtomic(markdown, reproductionMarkdown(found));
    cli.print(options.json, { ...found, report: { json, markdown } }, () => {
      const { head, rows } = reproductionTable(found);
      return [table(head, rows), "", gainsText(found), `${found.model}; ${markdown}`].join("\n");
    });
  });

function presetLines(): string {
  const width = Math.max(...PRESETS.map((own) => own.name.length));
  return PRESETS.map((own) => {
    const { before, after } = own.published;
    const [from, to] = [before, after].map((rows) => `${(100 * rows["imagenet-val"]!.top1).toFixed(1)}%`);
    return `  ${own.name.padEnd(width)}  ${own.weights} at ${own.resolution} px, ${own.recipe}: ${from} -> ${to} published`;
  }).join("\n");
}
