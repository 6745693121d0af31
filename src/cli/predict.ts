import { PICTURE_FORMATS } from "../data/index.js";
import { predict } from "../evaluate/index.js";
import * as cli from "./options.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions {
  readonly top: number;
}

const base = cli.command("predict", "Say what pictures show: the likeliest classes of each.", [
  "fixres predict models/b0 cat.jpg dog.png",
  "fixres predict models/b0 --top 3 --json *.jpg",
]);

export const predictCommand = cli
  .withPreprocessing(cli.withEngine(base))
  .argument("<model>", cli.MODEL)
  .argument("<image...>", `${PICTURE_FORMATS} files`)
  .option("--top <k>", "classes to give for each picture", cli.positiveInteger, 5)
  .action(async (directory: string, images: string[], options: Options) => {
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const preprocessing = cli.resolvedPreprocessing(model, options, progress);
    const { device, threads, batchSize, onBadImage, top, json } = options;
    const engine = { device, threads, batchSize, onBadImage, signal, progress };
    const { predictions, bad } = await predict(model, images, top, { preprocessing, ...engine });
    for (const { reason } of bad) progress.note(reason);
    cli.print(json, predictions, () =>
      predictions
        .map(({ image, top: guesses }) => {
          const lines = guesses.map(
            (guess) =>
              `  ${cli.percent(guess.probability).padStart(7)}  ${guess.class}${guess.name === undefined ? "" : ` (${guess.name})`}`,
          );
          return [image, ...lines].join("\n");
        })
        .join("\n"),
    );
  });
