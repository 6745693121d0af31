import { stat } from "node:fs/promises";
import type { Source } from "../data/index.js";
import { windowOf } from "./run.js";

/** What a job takes in Redis while it waits, bytes: measured by bench/queue.ts on names as ImageNet's, in shards of 256. */
const JOB_BYTES = 1500;
const JOB_BYTES_PER_PICTURE = 22;

/** Pictures whose size on disk stands for all. */
const LOOKED_AT = 200;

/** Work for the workers of a queue. */
export interface SizingOptions {
  readonly pictures: number;
  readonly workers: number;
  /** Pictures a second of one worker. */
  readonly picturesPerSecond: number;
  /** Of a picture's file; null where that is not known. */
  readonly pictureBytes: number | null;
  readonly modelBytes: number;
  /** Of a picture's result. */
  readonly resultBytes: number;
  readonly shardSize: number;
}

/** What a run on a queue is expected to take. */
export interface Sizing {
  readonly pictures: number;
  readonly shards: number;
  /** Until the last shard is done: whole rounds of shards, since nobody helps with another's. */
  readonly seconds: number;
  /** Bytes over the network, where no worker has anything yet: pictures, the model for each worker, jobs, and results twice. */
  readonly traffic: {
    readonly pictures: number | null;
    readonly model: number;
    readonly jobs: number;
    readonly results: number;
  };
  /** Memory of Redis at most, bytes. */
  readonly redisBytes: number;
}

/**
 * Predicts a run from measured rates: seconds = ceil(shards / workers) · shard size / pictures a second.
 */
export function sizing(options: SizingOptions): Sizing {
  const { pictures, workers, picturesPerSecond, pictureBytes, modelBytes, resultBytes, shardSize } = options;
  const shards = Math.ceil(pictures / shardSize);
  const jobBytes = JOB_BYTES + JOB_BYTES_PER_PICTURE * shardSize;
  const rounds = Math.ceil(shards / workers);
  const seconds = Math.min(rounds * shardSize, pictures) / picturesPerSecond;
  const present = Math.min(shards, windowOf({ shardSize, resultBytes }));
  return {
    pictures,
    shards,
    seconds,
    traffic: {
      pictures: pictureBytes === null ? null : pictures * pictureBytes,
      model: workers * modelBytes,
      jobs: 2 * shards * jobBytes,
      results: 2 * pictures * resultBytes,
    },
    redisBytes: present * (jobBytes + shardSize * resultBytes),
  };
}

/** Mean bytes of a picture's file, by some of them; null where pictures are no files and no parts of such. */
export async function pictureBytes({ samples, place, read }: Source): Promise<number | null> {
  if (read !== undefined && place === undefined) return null;
  const count = Math.min(LOOKED_AT, samples.length);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const index = Math.floor((i * samples.length) / count);
    sum += place?.(index).length ?? (await stat(samples[index]!.path)).size;
  }
  return sum / count;
}
