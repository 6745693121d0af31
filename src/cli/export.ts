import { RequestError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { checkExport, exportOnnx, loadModel } from "../models/index.js";
import { OPSET } from "../onnx/index.js";
import * as cli from "./options.js";

interface Options {
  readonly out: string;
  readonly resolution?: number;
  readonly batchSize: number;
  readonly json?: boolean;
}

export const exportCommand = cli
  .command("export", "Write one self-contained ONNX file: uint8 pictures [N, R, R, 3] in, logits out.", [
    "fixres export models/b0-fixed --out b0-fixed.onnx",
    "fixres export models/b0-fixed --resolution 384 --batch-size 8 --out b0-384.onnx",
  ])
  .argument("<model>", cli.MODEL)
  .requiredOption("--out <file>", "ONNX file to write")
  .option("--resolution <px>", "height and width of the pictures (default: the model's)", cli.positiveInteger)
  .option("--batch-size <n>", "pictures a run", cli.positiveInteger, 1)
  .action(async (directory: string, { out, resolution, batchSize, json }: Options) => {
    if (!out.endsWith(".onnx")) throw new RequestError(`the file is "${out}"; give a name that ends in .onnx.`);
    const model = await loadModel(directory);
    const options = { batch: batchSize, ...(resolution === undefined ? {} : { resolution }) };
    const file = exportOnnx(model, options);
    const difference = await checkExport(file, model, options);
    await writeFileAtomic(out, file);
    const result = { file: out, bytes: file.length, opset: OPSET, difference };
    cli.print(
      json,
      result,
      () =>
        `${out}: ${(file.length / 1e6).toFixed(1)} MB, opset ${OPSET}; logits within ${difference.toExponential(1)} of the model's`,
    );
  });
