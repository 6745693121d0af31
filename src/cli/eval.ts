import { evaluate } from "../evaluate/index.js";
import * as cli from "./options.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions, cli.DataOptions {}

const base = cli.command("eval", "Measure single-crop top-1, top-5 and loss on the validation pictures.", [
  "fixres eval models/b0 --data pictures",
  "fixres eval models/b0 --data pictures --resolution 320 --json",
]);

export const evalCommand = cli
  .withPreprocessing(cli.withData(cli.withEngine(base)))
  .argument("<model>", cli.MODEL)
  .action(async (directory: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const source = await cli.openTest(options, model, progress);
    const { device, threads, batchSize, onBadImage } = options;
    const preprocessing = cli.resolvedPreprocessing(model, options, progress);
    const engine = { device, threads, batchSize, onBadImage, signal, progress };
    const { correct: _, ...found } = await evaluate(model, source, { preprocessing, ...engine });
    cli.print(options.json, { model: directory, ...found }, () =>
      [
        `top-1 ${cli.percent(found.top1)} (95%: ${cli.interval(found.ci95)}), top-5 ${cli.percent(found.top5)}, loss ${found.loss.toFixed(4)}`,
        `${found.n} pictures at ${preprocessing.resolution} px, ${found.imagesPerSecond.toFixed(1)} a second${cli.badPictures(found.bad, options.onBadImage)}`,
      ].join("\n"),
    );
  });
