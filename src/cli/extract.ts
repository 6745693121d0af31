import { extract } from "../evaluate/index.js";
import * as cli from "./options.js";
import { openQueueOf, type QueueOptions, withQueue } from "./queue-options.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions, cli.DataOptions, QueueOptions {
  readonly out: string;
}

const base = cli.command("extract", "Write features, softmax and labels of the validation pictures as .npy files.", [
  "fixres extract models/b0 --data pictures --out extracted/b0",
]);

export const extractCommand = withQueue(cli.withPreprocessing(cli.withData(cli.withEngine(base))))
  .argument("<model>", cli.MODEL)
  .requiredOption("--out <dir>", "directory for softmax.npy, features.npy, labels.npy and names.txt")
  .action(async (directory: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const source = await cli.openTest(options, model, progress);
    const preprocessing = cli.resolvedPreprocessing(model, options, progress);
    const { device, threads, batchSize, onBadImage, out, json } = options;
    const engine = { device, threads, batchSize, onBadImage, signal, progress };
    const queue = await openQueueOf(options, { command: "extract", model: directory }, progress);
    const work = { preprocessing, ...engine, elsewhere: queue?.extract };
    const found = await extract(out, directory, model, source, work).finally(() => queue?.close());
    cli.print(
      json,
      { model: directory, ...found },
      () =>
        `softmax [${found.n}, ${found.classes}], features [${found.n}, ${found.features}], labels and names are in ${out}${cli.badPictures(found.bad, onBadImage)}`,
    );
  });
