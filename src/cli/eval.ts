import { basename, isAbsolute, join } from "node:path";
import { glob } from "tinyglobby";
import type { Source } from "../data/index.js";
import { DataError, RequestError } from "../errors.js";
import {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  evaluateInto,
  type MeasuredRow,
  readRealLabels,
  recordHead,
  type Truth,
  underRealLabels,
} from "../evaluate/index.js";
import { writeFileAtomic } from "../files.js";
import type { Model } from "../models/index.js";
import type { Progress } from "../progress.js";
import { recorded, resultsCsv, resultsTable } from "../report/index.js";
import { evaluationText } from "./evaluation-text.js";
import * as cli from "./options.js";
import { openQueueOf, type QueueOptions, withQueue } from "./queue-options.js";
import { runStart } from "./recording.js";
import { table } from "./table.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions, cli.DataOptions, QueueOptions {
  readonly models?: string;
  readonly csv?: string;
  readonly out?: string;
  readonly real?: string;
  readonly perClass?: boolean;
}

const base = cli.command(
  "eval",
  "Measure single-crop top-1, top-5, loss and calibration, and show where they are lost.",
  [
    "fixres eval models/b0 --data pictures",
    "fixres eval models/b0 --data pictures --per-class",
    "fixres eval models/b0 --data pictures --resolution 320 --json",
    "fixres eval models/b0 --data pictures --out evaluations/b0",
    "fixres eval models/b0 --data imagenet --real real.json",
    "fixres eval --models 'models/*' --data pictures --csv results.csv",
    "fixres eval models/b0 --data pictures --queue redis://queue.example:6379",
  ],
);

export const evalCommand = withQueue(cli.withPreprocessing(cli.withData(cli.withEngine(base))))
  .argument("[model]", cli.MODEL)
  .option("--models <pattern>", "evaluate all models whose paths match, such as 'models/*', into one table")
  .option("--csv <file>", "write a row a model there, in the columns of timm's result files")
  .option("--out <dir>", "keep settings, fingerprints and a row a picture there; goes on if it was stopped")
  .option("--real <file>", "score by ReaL labels: the JSON of google-research/reassessed-imagenet")
  .option("--per-class", "print precision, recall and F1 of each class (--json always has them)")
  .action(async (model: string | undefined, options: Options) => {
    if ((model === undefined) === (options.models === undefined))
      throw new RequestError("give either a model or --models, a pattern of several.");
    const surroundings = cli.surroundings();
    if (model !== undefined) await one(model, options, surroundings);
    else await many(options.models!, options, surroundings);
  });

type Surroundings = ReturnType<typeof cli.surroundings>;

async function one(path: string, options: Options, surroundings: Surroundings): Promise<void> {
  const { found, real, row } = await measure(path, options, options.out, surroundings);
  if (options.csv !== undefined) await writeFileAtomic(options.csv, resultsCsv([row()]));
  cli.print(options.json, resultOf(path, options.out, real, found), () => {
    const about = `${found.n} pictures at ${found.preprocessing.resolution} px${real ? " under ReaL labels" : ""}, ${found.imagesPerSecond.toFixed(1)} a second`;
    return `${evaluationText(found, about, options.perClass)}${cli.badPictures(found.bad, options.onBadImage)}`;
  });
}

/** What `--json` prints of one evaluation. */
function resultOf(model: string, record: string | undefined, real: Scene["real"], { correct: _, ...rest }: Evaluation) {
  return { model, record, real, ...rest };
}

async function many(pattern: string, options: Options, surroundings: Surroundings): Promise<void> {
  const paths = (await glob(pattern, { onlyFiles: false, expandDirectories: false, absolute: isAbsolute(pattern) }))
    .map((path) => path.replace(/\/$/, ""))
    .sort();
  if (paths.length === 0) throw new DataError(`no path matches "${pattern}"; give one that models match, in quotes.`);
  const rows: MeasuredRow[] = [];
  for (const path of paths) {
    surroundings.progress.note(`${path} (${rows.length + 1} of ${paths.length})`);
    const out = options.out === undefined ? undefined : join(options.out, basename(path));
    rows.push((await measure(path, options, out, surroundings)).row());
    // After each, so that a model that fails takes nothing with it.
    if (options.csv !== undefined) await writeFileAtomic(options.csv, resultsCsv(rows));
  }
  cli.print(options.json, { rows }, () => {
    const { head, rows: cells } = resultsTable({ rows, published: [] });
    return table(head, cells);
  });
}

/** Evaluates a model, and says what a reader should know. */
async function measure(path: string, options: Options, out: string | undefined, { progress, signal }: Surroundings) {
  const model = await cli.openModel(path, options, progress);
  const { source, truth, real } = await labelled(model, options, progress);
  const { device, threads, batchSize, onBadImage } = options;
  const preprocessing = cli.resolvedPreprocessing(model, options, progress);
  const queue = await openQueueOf(options, { command: "eval", model: path }, progress);
  const engine = { device, threads, batchSize, onBadImage, signal, progress };
  const all: EvaluateOptions = { preprocessing, truth, ...engine, elsewhere: queue?.score };
  const settings = {
    model: path,
    data: options.data,
    real: real?.file,
    preprocessing,
    device,
    threads,
    batchSize,
    onBadImage,
  };
  const about = { settings, model, resolutions: [preprocessing.resolution], files: { evaluation: "." } };
  const found = await recorded(
    runStart("eval", out, about),
    { progress, signal },
    (run) => {
      const own = { ...all, progress: run.progress };
      return out === undefined ? evaluate(model, source, own) : evaluateInto(out, path, model, source, own);
    },
    (evaluation) => resultOf(path, out, real, evaluation),
  ).finally(() => queue?.close());
  found.notes.forEach(progress.note);
  // Only where it is asked for: its fingerprint reads all weights.
  const row = (): MeasuredRow => {
    const { top1, top5, loss, n, ci95, ece } = found;
    const head = recordHead(path, model, source, all);
    return { kind: "measured", model: path, top1, top5, loss, n, ci95, ece, head };
  };
  return { found, real, row };
}

interface Scene {
  readonly source: Source;
  readonly truth?: readonly Truth[];
  readonly real?: { readonly file: string; readonly leftOut: number };
}

/** The validation pictures with what they are scored by. */
async function labelled(model: Model, options: Options, progress: Progress): Promise<Scene> {
  const { real } = options;
  const source = await cli.openTest(options, model, progress);
  if (real === undefined) return { source };
  const { source: kept, truth, leftOut } = underRealLabels(source, await readRealLabels(real));
  if (leftOut > 0) progress.note(`${leftOut} pictures have no ReaL label and are left out`);
  return { source: kept, truth, real: { file: real, leftOut } };
}
