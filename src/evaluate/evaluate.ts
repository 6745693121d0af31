import {
  type BadPicture,
  loadBatches,
  type PictureCache,
  type Source,
  type TestPreprocessing,
  testTransform,
} from "../data/index.js";
import { percent } from "../format.js";
import { inferenceProgram, type Model, possibleBatch, usualBatch } from "../models/index.js";
import { type Progress, silent } from "../progress.js";
import { openSession, runEach, type SessionOptions } from "../runtime/index.js";
import { type Accuracy, scoreLogits, tally } from "./metrics.js";

export interface EvaluateOptions extends Pick<SessionOptions, "device" | "threads"> {
  readonly preprocessing: TestPreprocessing;
  /** Pictures a run; 16 unless given, fewer where the network makes very much of each. */
  readonly batchSize?: number;
  /** Whether a picture that cannot be read ends the evaluation (unless given) or is left out and reported. */
  readonly onBadImage?: "stop" | "skip";
  /** Decoded pictures, where several evaluations look at the same ones. */
  readonly cache?: PictureCache;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /** What the progress calls this; `evaluate` unless given. */
  readonly task?: string;
}

/** Accuracy over a source, with what it rests on. */
export interface Evaluation extends Accuracy {
  readonly preprocessing: TestPreprocessing;
  /** 1 where the picture's class came first, in the order of the source without pictures left out. */
  readonly correct: Uint8Array;
  /** Pictures that could not be read and were left out. */
  readonly bad: readonly BadPicture[];
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/**
 * Single-crop accuracy of a model over a labelled source.
 * @throws {DataError} naming a picture that cannot be read, unless those are skipped
 */
export async function evaluate(model: Model, source: Source, options: EvaluateOptions): Promise<Evaluation> {
  const { preprocessing, onBadImage, cache, signal, device, threads, progress = silent } = options;
  const { resolution } = preprocessing;
  const batchSize = possibleBatch(model, { resolution, batch: options.batchSize ?? usualBatch(model, resolution) });
  const program = inferenceProgram(model, { resolution, batch: batchSize });
  const session = await openSession(program, { device, threads });
  const task = progress.start(options.task ?? "evaluate", source.samples.length, "pictures");
  const started = performance.now();
  try {
    const sums = tally();
    let detail: string | undefined;
    const bad: BadPicture[] = [];
    const batches = loadBatches(source, {
      transform: testTransform(preprocessing),
      batchSize,
      seed: 0,
      epoch: 0,
      shuffle: false,
      onBadImage,
      cache,
      signal,
    });
    for await (const { batch, results } of runEach(session, batches, ({ pixels }) => ({ pixels }))) {
      const { labels, count, bad: unread } = batch;
      bad.push(...unread);
      sums.add(scoreLogits(results.logits as Float32Array, labels, count, model.classes.length));
      // A first batch may have nothing but pictures that could not be read.
      if (count > 0) detail = `top-1 ${percent(sums.result().top1)}`;
      task.advance(count + unread.length, detail);
    }
    const seconds = (performance.now() - started) / 1000;
    const accuracy = sums.result();
    return { ...accuracy, preprocessing, correct: sums.correct(), bad, seconds, imagesPerSecond: accuracy.n / seconds };
  } finally {
    task.end();
    await session.dispose();
  }
}
