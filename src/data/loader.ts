import { availableParallelism } from "node:os";
import { DataError } from "../errors.js";
import { random } from "../random.js";
import { decodePicture } from "./decode.js";
import type { Sample, Source } from "./folder.js";
import type { Picture } from "./picture.js";
import type { Transform } from "./transforms.js";

/** A picture that could not be read. */
export interface BadPicture {
  readonly name: string;
  readonly reason: string;
}

/** Decoded pictures of samples, by path. */
export interface PictureCache {
  get(path: string): Picture | undefined;
  /** Keeps a picture while there is room. */
  add(path: string, picture: Picture): void;
}

/** Keeps pictures until `maxBytes` are full; what came first stays, since every epoch wants all of them. */
export function openPictureCache(maxBytes: number): PictureCache {
  const pictures = new Map<string, Picture>();
  let bytes = 0;
  return {
    get: (path) => pictures.get(path),
    add(path, picture) {
      if (pictures.has(path) || bytes + picture.data.length > maxBytes) return;
      bytes += picture.data.length;
      // A copy of its own: a decoder's buffer may be part of a larger pool.
      pictures.set(path, { ...picture, data: picture.data.slice() });
    },
  };
}

export interface LoadOptions {
  readonly transform: Transform;
  readonly batchSize: number;
  readonly seed: number;
  readonly epoch: number;
  /** Whether the order is random, by (seed, epoch), or the source's. */
  readonly shuffle: boolean;
  /** Position in the order at which to begin; 0 unless given. */
  readonly start?: number;
  /** Whether a last batch that is not full is left out. */
  readonly dropLast?: boolean;
  /** Whether a picture that cannot be read stops everything (unless given), or the next one takes its place. */
  readonly onBadImage?: "stop" | "skip";
  readonly cache?: PictureCache;
  readonly signal?: AbortSignal;
}

/** Pictures as a graph takes them. */
export interface Batch {
  /** uint8 [batchSize, R, R, 3]; rows behind `count` are black. */
  readonly pixels: Uint8Array;
  /** [batchSize]; 0 behind `count`. */
  readonly labels: Int32Array;
  /** Indices into the source's samples, [count]. */
  readonly samples: Int32Array;
  /** How many rows hold pictures. */
  readonly count: number;
  /** The position after it, where a resumed epoch starts. */
  readonly end: number;
  /** Pictures that were left out while it was filled. */
  readonly bad: readonly BadPicture[];
}

/** Batches that are made while the consumer is busy with one. */
const BATCHES_AHEAD = 2;

/**
 * One epoch of batches, decoded ahead of the consumer within a bounded memory. A batch is a function of the source, the
 * options, seed and epoch; each sample's randomness comes from (seed, epoch, index), never from the order of arrival.
 * @throws {DataError} naming a picture that cannot be read, unless those are skipped
 */
export async function* loadBatches(source: Source, options: LoadOptions): AsyncGenerator<Batch> {
  const { batchSize, start = 0, dropLast = false, signal } = options;
  const order = orderOf(source.samples.length, options);
  const ahead = BATCHES_AHEAD * batchSize;
  const decoding: Promise<Decoded>[] = [];
  let next = start;
  const limit = Math.max(2 * availableParallelism(), 4);
  const gate = semaphore(limit);
  const fill = (): void => {
    for (; next < order.length && decoding.length < ahead; next++) {
      const sample = source.samples[order[next]!]!;
      decoding.push(gate(() => decode(sample, options.cache)));
    }
  };

  let position = start;
  while (position < order.length) {
    const batch = emptyBatch(options);
    while (batch.count < batchSize && position < order.length) {
      signal?.throwIfAborted();
      fill();
      const decoded = await decoding.shift()!;
      const index = order[position++]!;
      if ("error" in decoded) batch.reject(decoded.error, source.samples[index]!);
      else batch.add(decoded.picture, index, source.samples[index]!.label);
    }
    if (batch.count < batchSize && (dropLast || (batch.count === 0 && batch.bad.length === 0))) return;
    fill();
    yield batch.result(position);
  }
}

/** The order in which an epoch takes `n` samples: by index, or random by (seed, epoch). */
export function orderOf(
  n: number,
  { seed, epoch, shuffle }: Pick<LoadOptions, "seed" | "epoch" | "shuffle">,
): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  if (shuffle) random(seed, "order", epoch).shuffle(order);
  return order;
}

type Decoded = { readonly picture: Picture } | { readonly error: DataError };

/** A picture or why there is none; other failures than the picture's own are thrown when it is awaited. */
async function decode({ path }: Sample, cache: PictureCache | undefined): Promise<Decoded> {
  const cached = cache?.get(path);
  if (cached !== undefined) return { picture: cached };
  try {
    const picture = await decodePicture(path);
    cache?.add(path, picture);
    return { picture };
  } catch (error) {
    if (error instanceof DataError) return { error };
    throw error;
  }
}

/** Runs at most `limit` of the given functions at once, in the order in which they came. */
function semaphore(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    running++;
    try {
      return await task();
    } finally {
      running--;
      waiting.shift()?.();
    }
  };
}

function emptyBatch({ transform, batchSize, seed, epoch, onBadImage = "stop" }: LoadOptions) {
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
    reject(error: DataError, { name }: Sample): void {
      if (onBadImage === "stop")
        throw new DataError(`${error.message} Mend or remove it, or skip such pictures (--on-bad-image skip).`);
      bad.push({ name, reason: error.message });
    },
    add(picture: Picture, index: number, label: number): void {
      transform.apply(picture, pixels, count * bytes, random(seed, "sample", epoch, index));
      labels[count] = label;
      samples[count] = index;
      count++;
    },
    result: (end: number): Batch => ({ pixels, labels, samples: samples.slice(0, count), count, end, bad }),
  };
}
