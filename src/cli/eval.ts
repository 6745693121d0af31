import { openSplit, type Source } from "../data/index.js";
import { evaluate, evaluateInto, readRealLabels, type Truth, underRealLabels } from "../evaluate/index.js";
import { expectedClasses, type Model } from "../models/index.js";
import type { Progress } from "../progress.js";
import * as cli from "./options.js";
import { evaluationText } from "./report.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions {
  readonly data: string;
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
  ],
);

export const evalCommand = cli
  .withPreprocessing(cli.withEngine(base))
  .argument("<model>", cli.MODEL)
  .requiredOption("--data <dir>", "directory with val/, a folder a class")
  .option("--out <dir>", "keep settings, fingerprints and a row a picture there; goes on if it was stopped")
  .option("--real <file>", "score by ReaL labels: the JSON of google-research/reassessed-imagenet")
  .option("--per-class", "print precision, recall and F1 of each class (--json always has them)")
  .action(async (directory: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const { source, truth, real } = await labelled(model, options, progress);
    const { device, threads, batchSize, onBadImage } = options;
    const preprocessing = cli.resolvedPreprocessing(model, options, progress);
    const engine = { device, threads, batchSize, onBadImage, signal, progress };
    const all = { preprocessing, truth, ...engine };
    const { correct: _, ...found } = await (options.out === undefined
      ? evaluate(model, source, all)
      : evaluateInto(options.out, directory, model, source, all));
    cli.print(options.json, { model: directory, record: options.out, real, ...found }, () => {
      const about = `${found.n} pictures at ${preprocessing.resolution} px${real ? " under ReaL labels" : ""}, ${found.imagesPerSecond.toFixed(1)} a second`;
      return `${evaluationText(found, about, options.perClass)}${cli.badPictures(found.bad)}`;
    });
  });

interface Scene {
  readonly source: Source;
  readonly truth?: readonly Truth[];
  readonly real?: { readonly file: string; readonly leftOut: number };
}

/** The validation pictures with what they are scored by. */
async function labelled(model: Model, { data, real }: Options, progress: Progress): Promise<Scene> {
  const source = await openSplit(data, "val", { classes: expectedClasses(model) });
  source.notes.forEach(progress.note);
  if (real === undefined) return { source };
  const { source: kept, truth, leftOut } = underRealLabels(source, await readRealLabels(real));
  if (leftOut > 0) progress.note(`${leftOut} pictures have no ReaL label and are left out`);
  return { source: kept, truth, real: { file: real, leftOut } };
}
