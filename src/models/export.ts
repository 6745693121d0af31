import { EXPORT_KEY } from "../classifier.js";
import { FailedError } from "../errors.js";
import { serialize } from "../onnx/index.js";
import { random } from "../random.js";
import { openSession } from "../runtime/index.js";
import { type Model, modelFile } from "./directory.js";
import { inferenceGraph, inferenceProgram } from "./inference.js";

export interface ExportOptions {
  /** Height and width of the pictures, px; the model's unless given. */
  readonly resolution?: number;
  /** Pictures a run; 1 unless given. */
  readonly batch?: number;
}

/** Largest difference between the logits of a model and of its export, in parts of their largest. */
const TOLERANCE = 1e-4;

/**
 * One self-contained ONNX model: uint8 `pixels` [batch, R, R, 3], already cropped to the resolution, to float32 `logits`
 * [batch, classes], normalisation included. Its metadata hold what `model.json` does under `fixres-model`: class names, what comes
 * before (resize and crop), provenance. `loadModel` takes such a file as it takes a directory.
 */
export function exportOnnx(
  model: Model,
  { resolution = model.input.resolution, batch = 1 }: ExportOptions = {},
): Uint8Array {
  const graph = inferenceGraph(model, { resolution, batch });
  return serialize(graph, {
    bind: ({ name }) => ({ kind: "data", data: model.tensors.get(name)!.data }),
    metadata: { [EXPORT_KEY]: JSON.stringify(modelFile({ ...model, input: { ...model.input, resolution } })) },
  });
}

/**
 * Compares an export with its model, on pictures of noise from light to dark.
 * @returns the largest difference of their logits  @throws {FailedError} where it is more than rounding
 */
export async function checkExport(file: Uint8Array, model: Model, options: ExportOptions = {}): Promise<number> {
  const { resolution = model.input.resolution, batch = 1 } = options;
  const stream = random(0, "export");
  const pixels = Uint8Array.from({ length: batch * resolution ** 2 * 3 }, (_, i) =>
    Math.min(255, stream.integer(256) * (0.5 + (i % resolution) / resolution)),
  );
  const [ours, theirs] = await Promise.all(
    [inferenceProgram(model, { resolution, batch }), { model: file }].map(async (program) => {
      const session = await openSession(program);
      try {
        return (await session.run({ pixels })).logits as Float32Array;
      } finally {
        await session.dispose();
      }
    }),
  );
  const largest = ours!.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const difference = ours!.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs![i]!)), 0);
  if (difference <= TOLERANCE * Math.max(1, largest)) return difference;
  throw new FailedError(
    `the export's logits differ from the model's by ${difference.toPrecision(2)}; it was not written.`,
  );
}
