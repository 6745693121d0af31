import { sweep } from "../fixres/index.js";
import * as cli from "./options.js";
import { table } from "./table.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions, cli.DataOptions {
  readonly resolutions: number[];
}

const base = cli.command("sweep", "Measure accuracy at several test resolutions.", [
  "fixres sweep models/b0 --data pictures --resolutions 192,224,256,288,320",
]);

export const sweepCommand = cli
  .withPreprocessing(cli.withData(cli.withEngine(base)))
  .argument("<model>", cli.MODEL)
  .requiredOption("--resolutions <list>", "resolutions in px, separated by commas", cli.integers)
  .action(async (directory: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const source = await cli.openTest(options, model, progress);
    const { device, threads, batchSize, onBadImage, resolutions, json } = options;
    const preprocessing = cli.resolvedPreprocessing(model, { ...options, resolution: resolutions[0] }, progress);
    const engine = { device, threads, batchSize, onBadImage, signal, progress };
    const rows = await sweep(model, source, { preprocessing, resolutions, ...engine });
    cli.print(json, { model: directory, rows }, () =>
      table(
        ["resolution", "top-1", "95% interval", "top-5", "loss", "pictures", "pictures/s"],
        rows.map((row) => [
          String(row.resolution),
          cli.percent(row.top1),
          cli.interval(row.ci95),
          cli.percent(row.top5),
          row.loss.toFixed(4),
          String(row.n),
          row.imagesPerSecond.toFixed(1),
        ]),
      ).concat(cli.badPictures(rows[0]!.bad, options.onBadImage)),
    );
  });
