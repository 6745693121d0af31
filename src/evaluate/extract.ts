import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type BadPicture, loadBatches, type Source, testTransform } from "../data/index.js";
import { DataError, UnsupportedOperatorError } from "../errors.js";
import { makeFolder, writeFileAtomic } from "../files.js";
import { anatomyOf, inferenceGraph, type Model, withWeights } from "../models/index.js";
import { elements, type Graph, showShape } from "../onnx/index.js";
import { silent } from "../progress.js";
import { runEach } from "../runtime/index.js";
import { createNpy } from "../weights/index.js";
import { aheadOf, batchOf, openComputing } from "./computing.js";
import type { EvaluateOptions } from "./evaluate.js";
import { recordHead } from "./records/index.js";

/** The files of an extraction; the last is there where all others are complete. */
const FILES = {
  softmax: "softmax.npy",
  features: "features.npy",
  labels: "labels.npy",
  names: "names.txt",
  head: "extraction.json",
} as const;

export interface Extraction {
  /** Pictures, and so rows of each file. */
  readonly n: number;
  /** What a picture has in `features.npy`. */
  readonly features: number;
  readonly classes: number;
  readonly files: Readonly<Record<keyof typeof FILES, string>>;
  readonly bad: readonly BadPicture[];
}

/**
 * Writes what a model makes of each picture of a source: `features.npy` float32 [n, features], which enter the classifier;
 * `softmax.npy` float32 [n, classes]; `labels.npy` int64 [n]; `names.txt`, a line a picture; and what they rest on. The files grow as
 * pictures are computed, and take their place when all are.
 * @throws {DataError} naming a picture that cannot be read, unless those are skipped
 * @throws {UnsupportedOperatorError} where a network from an ONNX file has no features before its classifier
 */
export async function extract(
  directory: string,
  name: string,
  model: Model,
  source: Source,
  options: Omit<EvaluateOptions, "truth" | "log">,
): Promise<Extraction> {
  const { preprocessing, onBadImage, cache, signal, device, threads, progress = silent } = options;
  for (const { name: own } of source.samples)
    if (/[\r\n]/.test(own)) throw new DataError(`"${own}" has a line break in its name; rename the picture.`);
  const batch = batchOf(model, { preprocessing, device, batchSize: options.batchSize });
  const graph = withFeatures(inferenceGraph(model, { resolution: preprocessing.resolution, batch }));
  const width = elements(graph.outputs.features!.shape) / batch;
  const classes = model.classes.length;
  const paths = Object.fromEntries(
    Object.entries(FILES).map(([key, file]) => [key, join(directory, file)]),
  ) as Extraction["files"];

  await makeFolder(directory);
  await rm(paths.head, { force: true });
  const computing = { preprocessing, device, threads, batchSize: batch };
  const { pool, batchSize } = await openComputing(model, computing, () => withWeights(graph, model));
  const task = progress.start(options.task ?? "extract", source.samples.length, "pictures");
  const files: { commit(): Promise<void>; discard(): Promise<void> }[] = [];
  try {
    const [softmax, features, labels] = [
      await createNpy(paths.softmax, "<f4", [classes]),
      await createNpy(paths.features, "<f4", [width]),
      await createNpy(paths.labels, "<i8", []),
    ];
    files.push(softmax, features, labels);
    const names: string[] = [];
    const bad: BadPicture[] = [];
    const order = { seed: 0, epoch: 0, shuffle: false, ahead: aheadOf(batchSize, pool.parallel) };
    const transform = testTransform(preprocessing);
    const batches = loadBatches(source, { transform, batchSize, ...order, onBadImage, cache, signal });
    for await (const { batch, results } of runEach(
      pool,
      batches,
      ({ pixels }) => ({ pixels }),
      () => ["pixels"],
    )) {
      const { count } = batch;
      await softmax.append(softmaxOf((results.logits as Float32Array).subarray(0, count * classes), classes));
      await features.append((results.features as Float32Array).subarray(0, count * width));
      await labels.append(BigInt64Array.from(batch.labels.subarray(0, count), BigInt));
      names.push(...Array.from(batch.samples, (sample) => source.samples[sample]!.name));
      bad.push(...batch.bad);
      task.advance(count + batch.bad.length);
    }
    for (const file of files) await file.commit();
    await writeFileAtomic(paths.names, names.map((line) => `${line}\n`).join(""));
    const head = { ...recordHead(name, model, source, options), format: "fixres-extraction-1", n: names.length, bad };
    await writeFileAtomic(paths.head, `${JSON.stringify(head, null, 1)}\n`);
    return { n: names.length, features: width, classes, files: paths, bad };
  } finally {
    task.end();
    for (const file of files) await file.discard();
    await pool.dispose();
  }
}

/** The graph with what enters its classifier as another output. */
function withFeatures(graph: Graph): Graph {
  const { input, node } = anatomyOf(graph).classifier;
  const [, , ...space] = input.shape;
  if (space.some((n) => n !== 1)) {
    throw new UnsupportedOperatorError(
      `${graph.name} pools behind its classifier "${node.name}", which takes ${showShape(input.shape)}; it has no features to extract.`,
    );
  }
  return { ...graph, outputs: { ...graph.outputs, features: input } };
}

/** Softmax of each row, in float64 and rounded once. @param logits - [N, classes] */
export function softmaxOf(logits: Float32Array, classes: number): Float32Array {
  const result = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const row = logits.subarray(start, start + classes);
    const max = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const exps = Float64Array.from(row, (value) => Math.exp(value - max));
    const sum = exps.reduce((a, b) => a + b, 0);
    for (const [j, value] of exps.entries()) result[start + j] = value / sum;
  }
  return result;
}
