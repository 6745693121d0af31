import { type Diagnosis, diagnose, trainedResolution } from "../fixres/index.js";
import * as cli from "./options.js";
import { table } from "./table.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions, cli.DataOptions {
  readonly resolutions: number[];
  readonly trainResolution?: number;
  readonly minCropArea?: number;
  readonly pictures: number;
  readonly seed: number;
  readonly sweep?: boolean;
}

const base = cli.command(
  "diagnose",
  "Compare tests with training: how large objects look, and what enters the classifier (docs/DIAGNOSE.md).",
  [
    "fixres diagnose models/b0 --data pictures --resolutions 192,224,256,288,320",
    "fixres diagnose models/b0 --data pictures --resolutions 224,288,320 --pictures 2000 --sweep",
    "fixres diagnose resnet50.onnx --data pictures --train-resolution 176 --resolutions 176,224,256",
  ],
);

export const diagnoseCommand = cli
  .withPreprocessing(cli.withData(cli.withEngine(base)))
  .argument("<model>", cli.MODEL)
  .requiredOption("--resolutions <list>", "test resolutions in px, separated by commas", cli.integers)
  .option("--train-resolution <px>", "side of the training crops (default: the model's)", cli.positiveInteger)
  .option(
    "--min-crop-area <a>",
    "least share of the area that a training crop took (default: 0.08)",
    cli.positiveNumber,
  )
  .option("--pictures <n>", "pictures whose activations are computed, drawn at random", cli.positiveInteger, 500)
  .option("--seed <n>", "seed of pictures and crops", cli.nonNegativeInteger, 0)
  .option("--sweep", "measure accuracy too, on all pictures")
  .action(async (directory: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const source = await cli.openTest(options, model, progress);
    const { resolutions, trainResolution = trainedResolution(model), json, onBadImage, ...rest } = options;
    const preprocessing = cli.resolvedPreprocessing(model, { ...options, resolution: resolutions[0] }, progress);
    progress.note(`training crops: ${trainResolution} px`);
    const tuned = model.provenance.findLast(({ what }) => what === "tuned");
    if (tuned !== undefined)
      progress.note(`the model was tuned at ${tuned.resolution} px: its classifier expects what a test there gives.`);
    const { device, threads, batchSize, minCropArea, pictures, seed, sweep } = rest;
    const engine = { device, threads, batchSize, onBadImage, signal, progress };
    const asked = { preprocessing, resolutions, trainResolution, minCropArea, pictures, seed, sweep };
    const found = await diagnose(model, source, { ...asked, ...engine });
    cli.print(
      json,
      { model: directory, ...found },
      () => diagnosisText(found) + cli.badPictures(found.bad, onBadImage),
    );
  });

function diagnosisText({ train, rows, predicted, best, sizes, pictures }: Diagnosis): string {
  const about = ({ mean, std, nearZero, negative }: Diagnosis["train"]["activations"]): string[] => [
    mean.toPrecision(3),
    std.toPrecision(3),
    cli.percent(nearZero),
    cli.percent(negative),
  ];
  const swept = best !== undefined;
  const head = ["resolution", "px a px", "object size", "mean", "std", "near 0", "below 0", "shift", "distance"];
  const first = [
    `training, ${train.resolution}`,
    ...[train.magnification.mean.toFixed(3), "1", ...about(train.activations)],
    ...[train.noise.shift.toFixed(3), train.noise.distance.toFixed(4), ...(swept ? [""] : [])],
  ];
  const lines = [
    `objects look as large as in training at ${predicted.sameSize} px (${sizes} pictures)`,
    `activations are nearest to training's at ${predicted.activations} px (${pictures} pictures)`,
    ...(swept ? [`top-1 is highest at ${best} px (${rows[0]!.accuracy!.n} pictures)`] : []),
  ];
  return [
    table(swept ? [...head, "top-1"] : head, [
      first,
      ...rows.map(({ resolution, magnification, ratio, activations, shift, distance, accuracy }) => [
        ...[String(resolution), magnification.mean.toFixed(3), ratio.mean.toFixed(3), ...about(activations)],
        ...[shift.toFixed(3), distance.toFixed(4), ...(accuracy ? [cli.percent(accuracy.top1)] : [])],
      ]),
    ]),
    ...lines,
  ].join("\n");
}
