import { openSplit } from "../data/index.js";
import { evaluate } from "../evaluate/index.js";
import { expectedClasses } from "../models/index.js";
import * as cli from "./options.js";
import { evaluationText } from "./report.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions {
  readonly data: string;
  readonly perClass?: boolean;
}

const base = cli.command(
  "eval",
  "Measure single-crop top-1, top-5, loss and calibration, and show where they are lost.",
  [
    "fixres eval models/b0 --data pictures",
    "fixres eval models/b0 --data pictures --per-class",
    "fixres eval models/b0 --data pictures --resolution 320 --json",
  ],
);

export const evalCommand = cli
  .withPreprocessing(cli.withEngine(base))
  .argument("<model>", cli.MODEL)
  .requiredOption("--data <dir>", "directory with val/, a folder a class")
  .option("--per-class", "print precision, recall and F1 of each class (--json always has them)")
  .action(async (directory: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const source = await openSplit(options.data, "val", { classes: expectedClasses(model) });
    source.notes.forEach(progress.note);
    const { device, threads, batchSize, onBadImage } = options;
    const preprocessing = cli.resolvedPreprocessing(model, options, progress);
    const engine = { device, threads, batchSize, onBadImage, signal, progress };
    const { correct: _, ...found } = await evaluate(model, source, { preprocessing, ...engine });
    cli.print(options.json, { model: directory, ...found }, () =>
      [
        evaluationText(found, options.perClass),
        `${found.n} pictures at ${preprocessing.resolution} px, ${found.imagesPerSecond.toFixed(1)} a second${cli.badPictures(found.bad)}`,
      ].join("\n"),
    );
  });
