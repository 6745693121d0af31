import type { BadPicture, OnBadImage, PictureCache, Source, TestPreprocessing } from "../data/index.js";
import { percent } from "../format.js";
import { inferenceProgram, type Model } from "../models/index.js";
import { type Progress, silent } from "../progress.js";
import type { SessionOptions } from "../runtime/index.js";
import {
  batchOf,
  type Computing,
  type ComputingOptions,
  computed,
  openComputing,
  type ShownOptions,
} from "./computing.js";
import { type Details, detailedTally, type Scored } from "./details.js";
import { scoreLogits, type Truth } from "./metrics.js";
import { notesOn, protocolOf } from "./protocol.js";

/** Keeps scores as they come, so that an evaluation that was stopped can go on. */
export interface ScoreLog {
  /** What an earlier run has left, in the order of the source. */
  kept(): AsyncIterable<Scored>;
  add(scored: Scored): Promise<void>;
}

/** What is to be scored, for whoever computes elsewhere. */
export interface ScoreWork
  extends Pick<EvaluateOptions, "preprocessing" | "truth" | "onBadImage" | "device" | "signal" | "progress"> {
  readonly model: Model;
  readonly source: Source;
  /** Pictures a run, resolved: results may depend on it in their last digits. */
  readonly batchSize: number;
  /** Position in the source at which to begin. */
  readonly start: number;
}

export interface EvaluateOptions extends Pick<SessionOptions, "device" | "threads"> {
  readonly preprocessing: TestPreprocessing;
  /** Pictures a run; 4 of up to 224 px on a CPU, fewer of larger ones, and 16 elsewhere unless given. */
  readonly batchSize?: number;
  /** What a picture that cannot be read does; `fail` unless given. */
  readonly onBadImage?: OnBadImage;
  /** The right answers of each picture of the source; its class unless given. */
  readonly truth?: readonly Truth[];
  readonly log?: ScoreLog;
  /** Computes the scores in place of this process, in the source's order; `by` stands beside the progress. */
  readonly elsewhere?: (work: ScoreWork) => AsyncIterable<Scored & { readonly by?: string }>;
  /** Decoded pictures, where several evaluations look at the same ones. */
  readonly cache?: PictureCache;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /** What the progress calls this; `evaluate` unless given. */
  readonly task?: string;
}

/** Accuracy over a source, with what it rests on. */
export interface Evaluation extends Details {
  readonly preprocessing: TestPreprocessing;
  /** 1 where the likeliest class was right, in the order of the source without pictures left out. */
  readonly correct: Uint8Array;
  /** Pictures that could not be read and were left out. */
  readonly bad: readonly BadPicture[];
  readonly seconds: number;
  /** Of the pictures that were computed now, not kept from an earlier run. */
  readonly imagesPerSecond: number;
  /** What a reader should know before believing it. */
  readonly notes: readonly string[];
}

/**
 * Single-crop accuracy of a model over a labelled source, and where it is lost.
 * @throws {DataError} naming a picture that cannot be read, unless those are skipped
 */
export async function evaluate(model: Model, source: Source, options: EvaluateOptions): Promise<Evaluation> {
  const { preprocessing, log, progress = silent } = options;
  // Data may have numbers alone where the model has names, or the other way about; a library's caller may have fewer classes.
  const classes = source.classes.length === model.classes.length ? source.classes : model.classes;
  const sums = detailedTally({ classes, samples: source.samples });
  const bad: BadPicture[] = [];
  let end = 0;
  let done = 0;
  const count = (scored: Scored): void => {
    sums.add(scored);
    bad.push(...scored.bad);
    end = scored.end;
  };
  for await (const scored of log?.kept() ?? []) count(scored);
  const missing = end < source.samples.length;
  const computing = missing && options.elsewhere === undefined ? await openScoring(model, options) : null;
  const task = progress.start(options.task ?? "evaluate", source.samples.length, "pictures", end);
  const started = performance.now();
  try {
    if (missing) {
      const { truth, onBadImage, device, signal } = options;
      const work = { preprocessing, truth, onBadImage, device, signal, progress };
      const batchSize = batchOf(model, options);
      const scores: AsyncIterable<Scored & { readonly by?: string }> =
        computing === null
          ? options.elsewhere!({ model, source, batchSize, start: end, ...work })
          : scorePictures(computing, model, source, { ...options, start: end });
      for await (const scored of scores) {
        await log?.add(scored);
        count(scored);
        done += scored.samples.length;
        // A first batch may have nothing but pictures that could not be read.
        const detail = scored.samples.length > 0 ? [`top-1 ${percent(sums.top1())}`] : [];
        if (scored.by !== undefined) detail.push(scored.by);
        task.advance(scored.samples.length + scored.bad.length, detail.length > 0 ? detail.join(", ") : undefined);
      }
    }
    const seconds = (performance.now() - started) / 1000;
    const imagesPerSecond = done / seconds;
    const found = sums.result();
    const notes = notesOn(found, protocolOf(source, options.truth === undefined ? "folders" : "real"));
    return { ...found, preprocessing, correct: sums.correct(), bad, seconds, imagesPerSecond, notes };
  } finally {
    task.end();
    await computing?.pool.dispose();
  }
}

/** Opens what scores pictures. */
export const openScoring = (model: Model, options: ComputingOptions): ReturnType<typeof openComputing> =>
  openComputing(model, options, (size) => inferenceProgram(model, size));

/**
 * The scores of a source's pictures, batch by batch: from position `start` on, or those of `order`, whose positions `end` counts.
 * @throws {DataError} naming a picture that cannot be read, unless those are skipped
 */
export async function* scorePictures(
  computing: Computing,
  model: Pick<Model, "classes">,
  source: Source,
  { truth, ...options }: ShownOptions & Pick<EvaluateOptions, "truth">,
): AsyncGenerator<Scored> {
  for await (const { batch, results } of computed(computing, source, options)) {
    const { labels, samples, count, bad, end } = batch;
    const answers = truth === undefined ? labels : Array.from(samples, (sample) => truth[sample]!);
    const logits = competing(results.logits as Float32Array, model, source);
    const scores = scoreLogits(logits, answers, count, model.classes.length);
    yield { scores, samples, bad, end };
  }
}

/** Below every logit, and still finite. */
const OUT = -3e38;

/** The logits, without those of classes that do not compete in the source. */
function competing(
  logits: Float32Array,
  { classes }: Pick<Model, "classes">,
  { competing: valid }: Source,
): Float32Array {
  if (valid === undefined) return logits;
  const counted = new Set(valid);
  return logits.map((logit, i) => (counted.has(i % classes.length) ? logit : OUT));
}
