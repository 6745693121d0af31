import { stat } from "node:fs/promises";
import { InvalidArgumentError, Option } from "commander";
import { openSplit } from "../data/index.js";
import { RequestError } from "../errors.js";
import {
  BOOTSTRAP_DEFAULTS,
  type Comparison,
  compare,
  type EvaluationRecord,
  evaluateRecord,
  isRecord,
  readRealLabels,
  readRecord,
  underRealLabels,
} from "../evaluate/index.js";
import { expectedClasses } from "../models/index.js";
import { markdownTable, pairsText, recorded, resultsCsv, resultsTable } from "../report/index.js";
import * as cli from "./options.js";
import { runStart, withRun } from "./recording.js";
import { table } from "./table.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions {
  readonly data?: string;
  readonly real?: string;
  readonly pairs: "first" | "all";
  readonly published: "same" | "all" | "none";
  readonly resamples: number;
  readonly seed: number;
  readonly markdown?: boolean;
  readonly csv?: boolean;
  readonly run?: string;
}

const base = cli.command("compare", "Compare evaluations of the same pictures, beside published results.", [
  "fixres compare evaluations/b0 evaluations/b0-fixed",
  "fixres compare models/b0-fixed/evaluations/before models/b0-fixed/evaluations/after --markdown",
  "fixres compare models/b0 models/b1 --data pictures --pairs all",
]);

const atLeast100 = (text: string): number => {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 100)) throw new InvalidArgumentError("Give a whole number of 100 or more.");
  return value;
};

export const compareCommand = withRun(cli.withPreprocessing(cli.withEngine(base)))
  .argument("<what...>", "folders that `fixres eval --out` wrote, and models")
  .option("--data <dir>", "directory with val/, a folder a class, for models")
  .option("--real <file>", "score models by ReaL labels: the JSON of google-research/reassessed-imagenet")
  .addOption(
    new Option("--pairs <which>", "what is compared: each with the first, or each with each")
      .choices(["first", "all"])
      .default("first"),
  )
  .addOption(
    new Option("--published <which>", "published rows: of the same architectures, all or none")
      .choices(["same", "all", "none"])
      .default("same"),
  )
  .option("--resamples <n>", "resamples of the bootstrap", atLeast100, BOOTSTRAP_DEFAULTS.resamples)
  .option("--seed <n>", "seed of the bootstrap", cli.nonNegativeInteger, BOOTSTRAP_DEFAULTS.seed)
  .addOption(new Option("--markdown", "print a table in Markdown").conflicts(["csv", "json"]))
  .addOption(new Option("--csv", "print measured rows in the columns of timm's result files").conflicts("json"))
  .action(async (paths: string[], options: Options) => {
    const surroundings = cli.surroundings();
    const { pairs, published, resamples, seed, data, real } = options;
    const asked = { pairs, published, resamples, seed };
    const start = runStart("compare", options.run, { settings: { compared: paths, data, real, ...asked } });
    const found = await recorded(start, surroundings, async ({ progress }) => {
      const records: EvaluationRecord[] = [];
      for (const path of paths)
        records.push({ ...(await recordOf(path, options, { ...surroundings, progress })), name: path });
      return compare(records, asked);
    });
    found.notes.forEach(surroundings.progress.note);
    if (options.csv) process.stdout.write(resultsCsv(found.rows));
    else cli.print(options.json, found, () => text(found, options.markdown ?? false));
  });

/** A record from its folder, or made now from a model. */
async function recordOf(
  path: string,
  options: Options,
  { progress, signal }: ReturnType<typeof cli.surroundings>,
): Promise<EvaluationRecord> {
  const folder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (folder && (await isRecord(path))) return readRecord(path);
  // A model that is none either says what is wrong with it.
  const model = await cli.openModel(path, options, progress);
  if (options.data === undefined) throw new RequestError(`"${path}" is a model; give --data too, to evaluate it on.`);
  const all = await openSplit(options.data, "val", { classes: expectedClasses(model) });
  all.notes.forEach(progress.note);
  const { source, truth } =
    options.real === undefined
      ? { source: all, truth: undefined }
      : underRealLabels(all, await readRealLabels(options.real));
  const preprocessing = cli.resolvedPreprocessing(model, options, progress);
  const { device, threads, batchSize, onBadImage } = options;
  const engine = { device, threads, batchSize, onBadImage, signal, progress, task: path };
  return evaluateRecord(path, model, source, { preprocessing, truth, ...engine });
}

function text(found: Comparison, markdown: boolean): string {
  const results = resultsTable(found);
  const tests = found.pairs.length === 0 ? "" : pairsText(found);
  if (markdown) return [markdownTable(results), ...(tests === "" ? [] : ["", "```", tests, "```"])].join("\n");
  return [table(results.head, results.rows), ...(tests === "" ? [] : ["", tests])].join("\n");
}
