import { createHash } from "node:crypto";
import {
  type BadPicture,
  type Batch,
  loadBatches,
  type OnBadImage,
  type Source,
  type TestPreprocessing,
  testTransform,
} from "../../data/index.js";
import { aheadOf, openComputing, softmaxOf } from "../../evaluate/index.js";
import { inferenceProgram, type Model } from "../../models/index.js";
import { runEach, type SessionOptions } from "../../runtime/index.js";

/** Positions in a source: from the first to before the second. */
export type Range = readonly [start: number, end: number];

/** What a teacher says of a picture. */
export interface PseudoLabel {
  /** The picture's place in its source, and its name there. */
  readonly index: number;
  readonly name: string;
  /** By which the same picture is known again: see `contentOf`. */
  readonly content: string;
  /** Of each class, float32, as the softmax gives them. */
  readonly probabilities: Float32Array;
}

/** What a batch of pictures has come to. */
export interface LabelledBatch {
  readonly rows: readonly PseudoLabel[];
  readonly bad: readonly BadPicture[];
  /** The position in the source after it. */
  readonly end: number;
}

export interface LabelOptions extends Pick<SessionOptions, "device" | "threads"> {
  /** How the teacher is shown pictures: as when it is tested, since it is not noised (arXiv 1911.04252, section 2). */
  readonly preprocessing: TestPreprocessing;
  /** Pictures a run; as for an evaluation unless given. */
  readonly batchSize?: number;
  /** What a picture that cannot be read does; `fail` unless given. */
  readonly onBadImage?: OnBadImage;
  readonly signal?: AbortSignal;
}

/**
 * What a teacher makes of a range of a source's pictures, batch by batch, in order. Ranges that follow one another give together what one
 * of all gives, so that several machines may share the work.
 * @throws {DataError} naming a picture that cannot be read, unless those are skipped
 */
export async function* labelled(
  teacher: Model,
  source: Source,
  [start, end]: Range,
  { preprocessing, onBadImage, signal, ...computing }: LabelOptions,
): AsyncGenerator<LabelledBatch> {
  if (start >= end) return;
  const { pool, batchSize } = await openComputing(teacher, { preprocessing, ...computing }, (size) =>
    inferenceProgram(teacher, size),
  );
  try {
    const batches = loadBatches(source, {
      transform: testTransform(preprocessing),
      batchSize,
      ...{ seed: 0, epoch: 0, shuffle: false },
      order: Int32Array.from({ length: end - start }, (_, i) => start + i),
      ahead: aheadOf(batchSize, pool.parallel),
      onBadImage,
      signal,
    });
    const classes = teacher.classes.length;
    for await (const { batch, results } of runEach(pool, withContents(batches), ({ batch: { pixels } }) => ({
      pixels,
    }))) {
      const { samples, count, bad } = batch.batch;
      const softmax = softmaxOf((results.logits as Float32Array).subarray(0, count * classes), classes);
      const rows = Array.from(samples, (index, i) => ({
        index,
        name: source.samples[index]!.name,
        content: batch.contents[i]!,
        probabilities: softmax.slice(i * classes, (i + 1) * classes),
      }));
      yield { rows, bad, end: start + batch.batch.end };
    }
  } finally {
    await pool.dispose();
  }
}

async function* withContents(batches: AsyncIterable<Batch>): AsyncGenerator<{ batch: Batch; contents: string[] }> {
  for await (const batch of batches) yield { batch, contents: contentsOf(batch) };
}

/** The content of each picture of a batch that is filled to `count`. */
function contentsOf({ pixels, labels, count }: Batch): string[] {
  const bytes = pixels.length / labels.length;
  return Array.from({ length: count }, (_, i) => contentOf(pixels.subarray(i * bytes, (i + 1) * bytes)));
}

/**
 * The first eight bytes of SHA-256 over a picture as a network is shown it, in hex: two files of the same content, or that differ in
 * nothing that the test's resize and crop leave, have the same.
 */
export const contentOf = (pixels: Uint8Array): string => createHash("sha256").update(pixels).digest("hex").slice(0, 16);

/** The contents of a source's pictures under a preprocessing; those that cannot be read have none. */
export async function contentsOfSource(
  source: Source,
  { preprocessing, signal }: Pick<LabelOptions, "preprocessing" | "signal">,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const order = { seed: 0, epoch: 0, shuffle: false } as const;
  const transform = testTransform(preprocessing);
  for await (const batch of loadBatches(source, { transform, batchSize: 16, ...order, onBadImage: "skip", signal }))
    for (const content of contentsOf(batch)) found.add(content);
  return found;
}
