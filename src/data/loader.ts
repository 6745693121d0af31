import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { DataError, RequestError } from "../errors.js";
import type { Picture, Transform } from "../pixels/index.js";
import { random } from "../random.js";
import { inOrder } from "./ahead.js";
import type { PictureCache } from "./cache.js";
import { type DecodeOptions, decodePicture } from "./decode.js";
import { orderOf } from "./order.js";
import { type Source, shown } from "./source.js";

/**
 * What a picture that cannot be read does: `fail` (also called `stop`) ends everything; with `skip` and `record` it is left out and
 * told of with its reason. It is never replaced by another one or by black, and never counted.
 */
export type OnBadImage = (typeof ON_BAD_IMAGE)[number];
export const ON_BAD_IMAGE = ["fail", "skip", "record", "stop"] as const;

/** A picture that could not be read. */
export interface BadPicture {
  readonly name: string;
  readonly reason: string;
}

export interface LoadOptions {
  readonly transform: Transform;
  readonly batchSize: number;
  readonly seed: number;
  readonly epoch: number;
  /** Whether the order is random, by (seed, epoch), or the source's. */
  readonly shuffle: boolean;
  /** The samples to take, by index, in this order; by `shuffle` unless given. One that comes again is transformed anew. */
  readonly order?: Int32Array;
  /** Position in the order at which to begin; 0 unless given. */
  readonly start?: number;
  /** Whether a last batch that is not full is left out, and with it what it would tell of bad pictures. */
  readonly dropLast?: boolean;
  /** `fail` unless given; with `skip` and `record` the next picture takes the place in the batch. */
  readonly onBadImage?: OnBadImage;
  readonly cache?: PictureCache;
  readonly signal?: AbortSignal;
  /** Batches that are made while the consumer is busy with one; 2 unless given. */
  readonly ahead?: number;
}

/** Pictures as a graph takes them. */
export interface Batch {
  /** uint8 [batchSize, R, R, 3]; rows behind `count` are black. */
  readonly pixels: Uint8Array;
  /** [batchSize]; 0 behind `count`. */
  readonly labels: Int32Array;
  /** Indices into the source's samples, [count]. */
  readonly samples: Int32Array;
  /** How many rows hold pictures; 0 in a last batch that has nothing but bad ones to tell of. */
  readonly count: number;
  /** The position after it, where a resumed epoch starts. */
  readonly end: number;
  /** Pictures that were left out while it was filled. */
  readonly bad: readonly BadPicture[];
}

/**
 * One epoch of batches, made ahead of the consumer. What waits is transformed already, so the memory is that of `ahead`
 * batches and of as many decoded pictures as are worked on at once, however large pictures are. A batch is a function
 * of the source, the options, seed and epoch: each sample's randomness comes from (seed, epoch, index and how often it came before), never from the
 * order of arrival.
 * @throws {DataError} naming a picture that cannot be read, unless those are skipped
 * @throws {RequestError} if the batch size, `start` or `ahead` is not a whole number in range
 */
export async function* loadBatches(source: Source, options: LoadOptions): AsyncGenerator<Batch> {
  const { batchSize, start = 0, dropLast = false, onBadImage = "fail", signal, ahead = 2 } = options;
  const order = options.order ?? orderOf(source.samples.length, options);
  assertWhole("batch size", batchSize, 1);
  assertWhole("start", start, 0);
  assertWhole("number of batches ahead", ahead, 1);
  const rest = order.subarray(start);
  const earlier = options.order === undefined ? null : earlierPlaces(order).subarray(start);
  // Rows whose bytes stand in a batch are written anew: collecting garbage of this size costs more than filling it.
  const free: Uint8Array[] = [];
  const rows = inOrder(rest.length, (i) => makeRow(source, rest[i]!, earlier?.[i] ?? 0, options, free), {
    running: Math.max(2 * availableParallelism(), 4),
    waiting: ahead * batchSize,
  });

  let batch = emptyBatch(options);
  let position = start;
  for await (const row of rows) {
    signal?.throwIfAborted();
    const index = order[position++]!;
    const { name, label } = source.samples[index]!;
    if (row instanceof Uint8Array) {
      batch.add(row, index, label);
      free.push(row);
    } else if (onBadImage === "skip" || onBadImage === "record") batch.bad.push({ name, reason: row.message });
    else throw new DataError(`${row.message} To leave such pictures out instead, skip them (--on-bad-image skip).`);
    if (batch.count < batchSize) continue;
    yield batch.result(position);
    batch = emptyBatch(options);
  }
  if (!dropLast && (batch.count > 0 || batch.bad.length > 0)) yield batch.result(position);
}

function assertWhole(what: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RequestError(`the ${what} is ${value}; give a whole number, at least ${least}.`);
  }
}

/** How often each place's sample has stood in the order before it. */
function earlierPlaces(order: Int32Array): Int32Array {
  const seen = new Map<number, number>();
  return order.map((index) => {
    const count = seen.get(index) ?? 0;
    seen.set(index, count + 1);
    return count;
  });
}

/** The bytes [R, R, 3] of a sample, or why there are none. @param again - how often it came before in this epoch */
async function makeRow(
  source: Source,
  index: number,
  again: number,
  { transform, seed, epoch, cache }: LoadOptions,
  free: Uint8Array[],
): Promise<Uint8Array | DataError> {
  try {
    const picture = await pictureOf(source, index, transform, cache);
    const row = free.pop() ?? new Uint8Array(transform.resolution ** 2 * 3);
    transform.apply(picture, row, 0, random(seed, "sample", epoch, index, ...(again > 0 ? [again] : [])));
    return row;
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}

async function pictureOf(
  source: Source,
  index: number,
  { exifOrientation = false }: Transform,
  cache: PictureCache | undefined,
): Promise<Picture> {
  const { path } = source.samples[index]!;
  const key = exifOrientation ? `${path} turned` : path;
  const kept = cache?.get(key);
  if (kept !== undefined) {
    // Without this, an epoch of kept pictures would never let timers, messages and signals in.
    await setImmediate();
    return kept;
  }
  const picture = await readPicture(source, index, { exifOrientation });
  cache?.add(key, picture);
  return picture;
}

/** A sample's picture, wherever the source has it. @throws {DataError} where it cannot be read, by its path */
export async function readPicture(
  source: Source,
  index: number,
  options: Omit<DecodeOptions, "name"> = {},
): Promise<Picture> {
  const content = await contentOf(source, index);
  if (typeof content !== "string" && "width" in content) return content;
  return decodePicture(content, { ...options, name: shown(source.samples[index]!.path) });
}

/** A sample's file, or its pixels where it is no file by itself. */
export const contentOf = async (source: Source, index: number): Promise<string | Uint8Array | Picture> =>
  source.read === undefined ? source.samples[index]!.path : source.read(index);

function emptyBatch({ transform, batchSize }: LoadOptions) {
  const bytes = transform.resolution ** 2 * 3;
  const pixels = new Uint8Array(batchSize * bytes);
  const labels = new Int32Array(batchSize);
  const samples = new Int32Array(batchSize);
  const bad: BadPicture[] = [];
  let count = 0;
  return {
    get count() {
      return count;
    },
    bad,
    add(row: Uint8Array, index: number, label: number): void {
      pixels.set(row, count * bytes);
      labels[count] = label;
      samples[count++] = index;
    },
    result: (end: number): Batch => ({ pixels, labels, samples: samples.slice(0, count), count, end, bad }),
  };
}
