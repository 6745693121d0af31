import { Option } from "commander";
import { openSplit, openSplits, partOf, type Source } from "../data/index.js";
import { RequestError } from "../errors.js";
import { calibrate, checkExport, type ExportCheck, exportGraph, exportOnnx } from "../export/index.js";
import { writeFileAtomic } from "../files.js";
import { expectedClasses, loadModel, type Model } from "../models/index.js";
import { OPSET } from "../onnx/index.js";
import * as cli from "./options.js";

interface Options {
  readonly out: string;
  readonly resolution?: number;
  readonly batchSize?: number;
  readonly withResize?: boolean;
  readonly float16?: boolean;
  readonly int8?: boolean;
  readonly data?: string;
  readonly calibration: number;
  readonly maxDrop: number;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Pictures that a file in floating point is compared on; the difference shows on any. */
const COMPARED = 64;

export const exportCommand = cli
  .command("export", "Write one self-contained ONNX file: uint8 pictures [N, R, R, 3] in, logits out.", [
    "fixres export models/b0-fixed --out b0-fixed.onnx",
    "fixres export models/b0-fixed --with-resize --data pictures --out b0-any-size.onnx",
    "fixres export models/b0-fixed --float16 --out b0-half.onnx",
    "fixres export models/b0-fixed --int8 --data pictures --max-drop 0.005 --out b0-int8.onnx",
  ])
  .argument("<model>", cli.MODEL)
  .requiredOption("--out <file>", "ONNX file to write")
  .option("--resolution <px>", "height and width of the pictures (default: the model's)", cli.positiveInteger)
  .option("--batch-size <n>", "pictures a run (default: any number)", cli.positiveInteger)
  .option("--with-resize", "take pictures of any height and width, [N, H, W, 3], and resize and crop them inside")
  .addOption(new Option("--float16", "weights and arithmetic in half precision").conflicts("int8"))
  .option("--int8", "weights and activations in 8 bits; needs --data")
  .option(
    "--data <dir>",
    "directory with val/, and train/ for --int8, each a folder a class: to calibrate and compare with",
  )
  .option("--calibration <n>", "training pictures to calibrate --int8 with", cli.positiveInteger, 128)
  .option("--max-drop <share>", "top-1 that --int8 may lose, as a fraction", cli.fraction, 0.01)
  .option("--threads <n>", "threads of the engine (default: one a core)", cli.positiveInteger)
  .action(async (directory: string, options: Options) => {
    const { out, resolution, batchSize: batch, withResize, calibration, maxDrop, threads, json } = options;
    if (!out.endsWith(".onnx")) throw new RequestError(`the file is "${out}"; give a name that ends in .onnx.`);
    const { progress, signal } = cli.surroundings();
    const model = await loadModel(directory);
    const precision = options.int8 ? ("int8" as const) : options.float16 ? ("float16" as const) : ("float32" as const);
    const pictures = await picturesOf(model, options, progress.note);
    const settings = { resolution, batch, precision, withResize };
    const graph = exportGraph(model, settings);
    const preprocessing = { ...model.input, resolution: resolution ?? model.input.resolution };
    const ranges =
      pictures.train &&
      (await calibrate(graph, pictures.train, { preprocessing, pictures: calibration, threads, signal, progress }));
    const file = exportOnnx(model, settings, graph, ranges);
    if (pictures.val === undefined) progress.note("compared on pictures of noise; give --data to compare on real ones");
    const check = await checkExport(file, model, {
      ...settings,
      source: pictures.val,
      maxDrop,
      threads,
      signal,
      progress,
    });
    await writeFileAtomic(out, file);
    const result = { file: out, bytes: file.length, opset: OPSET, precision, ...check };
    cli.print(json, result, () => text(out, file.length, check).join("\n"));
  });

/** Pictures to calibrate with, for 8 bits, and to compare with. */
async function picturesOf(
  model: Model,
  { int8, data }: Options,
  note: (text: string) => void,
): Promise<{ train?: Source; val?: Source }> {
  const classes = expectedClasses(model);
  if (int8) {
    if (data === undefined)
      throw new RequestError("--int8 needs pictures to calibrate and to compare with; give --data DIR.");
    const { train, val } = await openSplits(data, { classes });
    [...train.notes, ...val.notes].forEach(note);
    return { train, val };
  }
  if (data === undefined) return {};
  const val = await openSplit(data, "val", { classes });
  val.notes.forEach(note);
  const step = Math.max(1, val.samples.length / COMPARED);
  const some = Array.from({ length: Math.min(COMPARED, val.samples.length) }, (_, i) => Math.floor(i * step));
  return { val: partOf(val, some) };
}

function text(out: string, bytes: number, { difference, agreement, pictures, accuracy }: ExportCheck): string[] {
  return [
    `${out}: ${(bytes / 1e6).toFixed(1)} MB, opset ${OPSET}; logits within ${difference.toExponential(1)} of the model's largest, the same class first in ${cli.percent(agreement)} of ${pictures} pictures`,
    ...(accuracy === undefined
      ? []
      : [
          `top-1 ${cli.percent(accuracy.model.top1)} of the model, ${cli.percent(accuracy.file.top1)} of the file: ${cli.points(accuracy.gain, accuracy.ci95)}`,
        ]),
  ];
}
