/**
 * The same jobs on many machines. In: work on pictures that `evaluate` and `fixres` would do in this process. Out: the same results,
 * byte for byte, computed by workers that take shards of it from a queue (BullMQ on Redis). Nothing of Redis is loaded before a queue
 * is opened. How it is run: docs/CLUSTER.md.
 *
 * @module
 */

export type { Engines } from "./engines.js";
export {
  cancelRun,
  type FailedShard,
  type JobsState,
  jobsState,
  openQueues,
  type QueueState,
  type RunState,
} from "./jobs.js";
export { type Connection, connect, queueName, shownAddress } from "./redis.js";
export { pictureBytes, type Sizing, type SizingOptions, sizing } from "./sizing.js";
export { openSpread, SHARD_SIZE, type Spread, type SpreadOptions } from "./spread.js";
export { openRounds, type SpreadRoundsOptions } from "./train.js";
export { type ServeOptions, serve, type WorkerState } from "./worker.js";
