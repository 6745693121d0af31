import { openSplit } from "../data/index.js";
import { extract } from "../evaluate/index.js";
import { expectedClasses } from "../models/index.js";
import * as cli from "./options.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions {
  readonly data: string;
  readonly out: string;
}

const base = cli.command("extract", "Write features, softmax and labels of the validation pictures as .npy files.", [
  "fixres extract models/b0 --data pictures --out extracted/b0",
]);

export const extractCommand = cli
  .withPreprocessing(cli.withEngine(base))
  .argument("<model>", cli.MODEL)
  .requiredOption("--data <dir>", "directory with val/, a folder a class")
  .requiredOption("--out <dir>", "directory for softmax.npy, features.npy, labels.npy and names.txt")
  .action(async (directory: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const source = await openSplit(options.data, "val", { classes: expectedClasses(model) });
    source.notes.forEach(progress.note);
    const preprocessing = cli.resolvedPreprocessing(model, options, progress);
    const { device, threads, batchSize, onBadImage, out, json } = options;
    const engine = { device, threads, batchSize, onBadImage, signal, progress };
    const found = await extract(out, directory, model, source, { preprocessing, ...engine });
    cli.print(
      json,
      { model: directory, ...found },
      () =>
        `softmax [${found.n}, ${found.classes}], features [${found.n}, ${found.features}], labels and names are in ${out}${cli.badPictures(found.bad)}`,
    );
  });
