import { pictureBytes, SHARD_SIZE, type Sizing, sizing } from "../cluster/index.js";
import type { Splits } from "../data/index.js";
import type { Plan } from "../fixres/index.js";
import { binaryBytes, duration, rate } from "../format.js";
import { table } from "./table.js";

/** Pictures of ImageNet's two parts (Russakovsky et al. 2015). */
const IMAGENET = { train: 1_281_167, val: 50_000 };

/** Bytes of a picture's scores in a result. */
const SCORES_BYTES = 80;

/** Runs on a queue as they are expected to be. */
export interface PlannedQueue {
  readonly workers: number;
  readonly shardSize: number;
  /** Pictures a second of one worker as this machine; null where the features are all there, and nothing was measured. */
  readonly picturesPerSecond: number | null;
  readonly runs: readonly (Sizing & { readonly what: string })[];
}

/** What the passes of a plan take on a queue, of the plan's pictures and of ImageNet's. */
export async function plannedQueue(
  { features, estimate }: Plan,
  data: Splits,
  { workers, shardSize = SHARD_SIZE }: { readonly workers: number; readonly shardSize?: number },
): Promise<PlannedQueue> {
  const { picturesPerSecond } = estimate;
  if (picturesPerSecond === null) return { workers, shardSize, picturesPerSecond, runs: [] };
  const modelBytes = features.train.trunk.weightBytes;
  const bytes = await pictureBytes(data.train);
  const common = { workers, shardSize, picturesPerSecond, pictureBytes: bytes, modelBytes };
  const { bytesPerPicture } = features.train;
  const passes = [
    ["features of train/", features.train.pictures, bytesPerPicture],
    ["an evaluation of val/", features.val.pictures, SCORES_BYTES],
    ["features of ImageNet's training set", IMAGENET.train, bytesPerPicture],
    ["an evaluation of ImageNet's training set", IMAGENET.train, SCORES_BYTES],
    ["an evaluation of ImageNet's validation set", IMAGENET.val, SCORES_BYTES],
  ] as const;
  const runs = passes.map(([what, pictures, resultBytes]) => ({
    what,
    ...sizing({ ...common, pictures, resultBytes }),
  }));
  return { workers, shardSize, picturesPerSecond, runs };
}

/** The same as people read it. */
export function queueText({ workers, shardSize, picturesPerSecond, runs }: PlannedQueue): string {
  if (picturesPerSecond === null)
    return "On a queue: the features are all there, so nothing was measured; give another --cache-dir.";
  const rows = runs.map(({ what, pictures, shards, seconds, traffic, redisBytes }) => [
    ...[what, pictures.toLocaleString("en"), String(shards), duration(seconds)],
    ...[traffic.pictures === null ? "unknown" : binaryBytes(traffic.pictures), binaryBytes(traffic.model)],
    ...[binaryBytes(traffic.jobs + traffic.results), binaryBytes(redisBytes)],
  ]);
  const head = ["", "pictures", "shards", "time", "pictures' files", "models", "jobs and results", "Redis at most"];
  return [
    `On a queue with ${workers} workers as this machine, ${rate(picturesPerSecond)} pictures/s each, ${shardSize} pictures a shard`,
    table(head, rows),
  ].join("\n");
}
