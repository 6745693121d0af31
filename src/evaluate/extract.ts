import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { BadPicture, Source } from "../data/index.js";
import { DataError, UnsupportedOperatorError } from "../errors.js";
import { makeFolder, writeFileAtomic } from "../files.js";
import { anatomyOf, inferenceGraph, type Model, withWeights } from "../models/index.js";
import { elements, type Graph, showShape } from "../onnx/index.js";
import { silent } from "../progress.js";
import { createNpy } from "../weights/index.js";
import {
  batchOf,
  type Computing,
  type ComputingOptions,
  computed,
  openComputing,
  type ShownOptions,
} from "./computing.js";
import type { EvaluateOptions, ScoreWork } from "./evaluate.js";
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

/** What a batch of pictures gives. */
export interface Extracted {
  /** float32 [n, classes] and [n, features]. */
  readonly softmax: Float32Array;
  readonly features: Float32Array;
  /** Indices into the source's samples, [n]. */
  readonly samples: ArrayLike<number>;
  readonly bad: readonly BadPicture[];
  readonly end: number;
}

/** What is to be extracted, for whoever computes elsewhere. */
export type ExtractWork = Omit<ScoreWork, "truth" | "start">;

export interface ExtractOptions extends Omit<EvaluateOptions, "truth" | "log" | "elsewhere"> {
  /** Computes in place of this process, in the source's order. */
  readonly elsewhere?: (work: ExtractWork) => AsyncIterable<Extracted & { readonly by?: string }>;
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
  options: ExtractOptions,
): Promise<Extraction> {
  const { preprocessing, onBadImage, signal, device, progress = silent } = options;
  for (const { name: own } of source.samples)
    if (/[\r\n]/.test(own)) throw new DataError(`"${own}" has a line break in its name; rename the picture.`);
  const { batch, width } = extractionOf(model, options);
  const classes = model.classes.length;
  const paths = Object.fromEntries(
    Object.entries(FILES).map(([key, file]) => [key, join(directory, file)]),
  ) as Extraction["files"];

  await makeFolder(directory);
  await rm(paths.head, { force: true });
  const computing = options.elsewhere === undefined ? await openExtracting(model, options) : null;
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
    const work = { model, source, preprocessing, onBadImage, device, signal, progress, batchSize: batch };
    const parts: AsyncIterable<Extracted & { readonly by?: string }> =
      computing === null ? options.elsewhere!(work) : extractPictures(computing, model, source, options);
    for await (const part of parts) {
      const samples = Array.from(part.samples, (sample) => source.samples[sample]!);
      await softmax.append(part.softmax);
      await features.append(part.features);
      await labels.append(BigInt64Array.from(samples, ({ label }) => BigInt(label)));
      names.push(...samples.map(({ name: own }) => own));
      bad.push(...part.bad);
      task.advance(samples.length + part.bad.length, part.by);
    }
    for (const file of files) await file.commit();
    await writeFileAtomic(paths.names, names.map((line) => `${line}\n`).join(""));
    const head = {
      ...recordHead(name, model, source, { ...options, elsewhere: undefined }),
      format: "fixres-extraction-1",
      n: names.length,
      bad,
    };
    await writeFileAtomic(paths.head, `${JSON.stringify(head, null, 1)}\n`);
    return { n: names.length, features: width, classes, files: paths, bad };
  } finally {
    task.end();
    for (const file of files) await file.discard();
    await computing?.pool.dispose();
  }
}

/** What an extraction runs: pictures a run, the graph, and the numbers that enter the classifier. */
function extractionOf(model: Model, { preprocessing, device, batchSize }: ComputingOptions) {
  const batch = batchOf(model, { preprocessing, device, batchSize });
  const graph = withFeatures(inferenceGraph(model, { resolution: preprocessing.resolution, batch }));
  return { batch, graph, width: elements(graph.outputs.features!.shape) / batch };
}

/** Opens what extracts. @throws {UnsupportedOperatorError} as `extract` does */
export async function openExtracting(model: Model, options: ComputingOptions): ReturnType<typeof openComputing> {
  const { batch, graph } = extractionOf(model, options);
  const { preprocessing, device, threads } = options;
  return openComputing(model, { preprocessing, device, threads, batchSize: batch }, () => withWeights(graph, model));
}

/** Softmax and features of a source's pictures, batch by batch: of all, or of those of `order`, whose positions `end` counts. */
export async function* extractPictures(
  computing: Computing,
  model: Pick<Model, "classes">,
  source: Source,
  options: ShownOptions,
): AsyncGenerator<Extracted> {
  const classes = model.classes.length;
  for await (const { batch, results } of computed(computing, source, options)) {
    const { count, samples, bad, end } = batch;
    const features = results.features as Float32Array;
    yield {
      softmax: softmaxOf((results.logits as Float32Array).subarray(0, count * classes), classes),
      features: features.subarray(0, (count * features.length) / computing.batchSize),
      samples,
      bad,
      end,
    };
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
