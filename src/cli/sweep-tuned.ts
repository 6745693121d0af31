import { type Command, InvalidArgumentError } from "commander";
import { openSplits } from "../data/index.js";
import { type Candidate, choose, RECIPE_NAMES, type RecipeName, type TuneModeName, tune } from "../fixres/index.js";
import { expectedClasses } from "../models/index.js";
import { type Recording, recorded } from "../report/index.js";
import { type CacheOptions, cacheOf, withCache } from "./cache-options.js";
import * as cli from "./options.js";
import { openQueueOf, type QueueOptions } from "./queue-options.js";
import { runStart } from "./recording.js";
import { table } from "./table.js";
import { TUNED, type TuneCommandOptions, tuneOptions, withTuning } from "./tune-options.js";

/** Options of a sweep that tunes. */
export interface CandidateOptions extends CacheOptions, Omit<TuneCommandOptions, "tune" | "recipe"> {
  readonly recipes: readonly RecipeName[];
  readonly maxLatency?: number;
  readonly maxMacs?: number;
  readonly out?: string;
  readonly run?: string;
}

/** What is tuned where nobody says: in one pass through the trunk and next to nothing more. */
const USUAL: TuneModeName = "classifier";

export const withCandidates = (to: Command): Command =>
  withCache(
    withTuning(
      to
        .option("--tune [what]", `tune at each resolution: ${TUNED} (default: ${USUAL})`)
        .option("--recipes <list>", `recipes to try, separated by commas (${RECIPE_NAMES.join(", ")})`, recipes, [
          "test",
        ])
        .option("--max-latency <ms>", "most that a picture may take here, ms", cli.positiveNumber)
        .option("--max-macs <n>", "most multiply-adds of a picture, in units of 10^9", cli.positiveNumber)
        .option("--out <dir>", "model directory to write: the best, tuned on all training pictures"),
      ["holdout", "val"],
    ),
  );

function recipes(text: string): RecipeName[] {
  const names = text.split(",");
  if (names.every((name): name is RecipeName => (RECIPE_NAMES as readonly string[]).includes(name))) return names;
  throw new InvalidArgumentError(`Give some of ${RECIPE_NAMES.join(", ")}.`);
}

/** Tunes at each resolution, and chooses. */
export async function sweepTuned(
  directory: string,
  options: cli.EngineOptions &
    cli.PreprocessingOptions &
    cli.DataOptions &
    QueueOptions &
    CandidateOptions & { readonly resolutions: readonly number[]; readonly tune: TuneModeName | true },
): Promise<void> {
  const { progress, signal } = cli.surroundings();
  const { resolutions, device, threads, selfCheck, out } = options;
  const mode = options.tune === true ? USUAL : options.tune;
  const model = await cli.openModel(directory, options, progress);
  const data = await openSplits(options.data, { ...options, classes: expectedClasses(model) });
  [...data.train.notes, ...data.val.notes].forEach(progress.note);
  const first = { ...options, resolution: resolutions[0] };
  const preprocessing = cli.resolvedPreprocessing(model, first, progress, { tuning: true });
  const candidates = resolutions.flatMap((resolution) =>
    options.recipes.map((recipe) =>
      tuneOptions(
        { ...options, tune: mode, recipe, views: recipe === "test" ? 0 : options.views },
        { ...preprocessing, resolution },
        data.train.samples.length,
      ),
    ),
  );
  const queue = await openQueueOf(options, { command: "sweep --tune", model: directory, train: data.train }, progress);
  const elsewhere = queue?.features;
  const surroundings = { device, threads, selfCheck, cache: cacheOf(options), elsewhere, signal, progress };
  const settings = {
    ...{ model: directory, data: options.data, resolutions, recipes: options.recipes, tune: mode, device, threads },
    ...{ selectOn: options.selectOn, maxLatency: options.maxLatency, maxMacs: options.maxMacs },
    candidate: candidates[0],
  };
  const start = runStart("sweep", options.run ?? out, { settings, model, resolutions });
  const limits = { latency: options.maxLatency, macs: options.maxMacs && options.maxMacs * 1e9 };
  const work = async ({ progress }: Recording) => {
    const found = await choose(model, data, candidates, limits, { ...surroundings, progress });
    const { best } = found;
    if (best === null || out === undefined) return { ...found, tuned: null };
    const around = { ...surroundings, progress, directory: out, selection: best.selection };
    return { ...found, tuned: await tune(model, data, best.options, around) };
  };
  const resultOf = ({ candidates: rows, best, tuned }: Awaited<ReturnType<typeof work>>) => ({
    model: directory,
    mode,
    selectOn: options.selectOn,
    optimistic: options.selectOn === "val",
    rows: rows.map(({ options: _, selection, ...row }) => ({ ...row, epoch: selection.epoch })),
    best: best && { resolution: best.resolution, recipe: best.recipe, epoch: best.selection.epoch },
    tuned: tuned && { ...tuned, before: tuned.before.top1, after: tuned.after.top1 },
  });
  const found = await recorded(start, surroundings, work, resultOf).finally(() => queue?.close());
  const { candidates: rows, best, tuned } = found;
  cli.print(options.json, resultOf(found), () => {
    const lines = [tableOf(rows, best)];
    const judged =
      options.selectOn === "val"
        ? "the validation pictures, which makes the choice optimistic"
        : "pictures held back from training";
    lines.push(
      `accuracy on ${rows[0]!.selection.pictures} ${judged}; * no other is as accurate with fewer multiply-adds`,
    );
    if (best === null)
      lines.push("none keeps the limits; raise --max-latency or --max-macs, or try smaller resolutions");
    else lines.push(`best: ${best.resolution} px, ${best.recipe}, epoch ${best.selection.epoch}`);
    if (tuned !== null) {
      lines.push(
        `validation: top-1 ${cli.percent(tuned.before.top1)} -> ${cli.percent(tuned.after.top1)}, ${cli.points(tuned.gain, tuned.ci95)}, ${cli.pValue(tuned.pValue)}; ${tuned.model}`,
      );
    }
    return lines.join("\n");
  });
}

const tableOf = (rows: readonly Candidate[], best: Candidate | null): string =>
  table(
    ["resolution", "recipe", "epoch", "top-1 before", "after", "95% interval", "multiply-adds", "ms a picture", ""],
    rows.map((row) => [
      String(row.resolution),
      row.recipe,
      String(row.selection.epoch),
      cli.percent(row.before.top1),
      cli.percent(row.after.top1),
      cli.interval(row.after.ci95),
      `${(row.macs / 1e9).toPrecision(3)} G`,
      row.latency.toPrecision(3),
      [row.pareto ? "*" : "", row === best ? "best" : "", row.allowed ? "" : "beyond the limits"]
        .filter(Boolean)
        .join(" "),
    ]),
  );
