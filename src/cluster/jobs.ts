import type { Queue } from "bullmq";
import { RequestError } from "../errors.js";
import { DEVICES, type Device } from "../runtime/index.js";
import type { ShardJob } from "./job.js";
import { type Connection, connect, KEYS, openQueue } from "./redis.js";
import type { WorkerState } from "./worker.js";
import { aliveWorkers } from "./workers.js";

/** A command that has its work done by a queue. */
export interface RunState {
  readonly run: string;
  readonly task: string;
  readonly model: string;
  readonly data: string;
  readonly device: Device;
  readonly pictures: number;
  readonly done: number;
  readonly shards: number;
  /** Shards that were set aside. */
  readonly aside: number;
  /** Pictures a second, of all workers together. */
  readonly rate: number;
  /** Seconds left at that rate; null where nothing came yet. */
  readonly secondsLeft: number | null;
}

/** A shard that was set aside. */
export interface FailedShard {
  readonly run: string;
  readonly shard: number;
  /** Position of its first picture in the run's order, and how many it has. */
  readonly start: number;
  readonly count: number;
  readonly attempts: number;
  readonly why: string;
}

/** Jobs of a device's queue, by their state. */
export interface QueueState {
  readonly device: Device;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
}

/** What a Redis holds of ours. */
export interface JobsState {
  readonly queues: readonly QueueState[];
  readonly runs: readonly RunState[];
  readonly workers: readonly WorkerState[];
  readonly failed: readonly FailedShard[];
}

/** The queues of all devices, to be shown by a dashboard such as bull-board. The caller closes each, and the connection. */
export async function openQueues(connection: Connection): Promise<Queue[]> {
  return Promise.all(DEVICES.map((device) => openQueue(connection, device)));
}

/** Failed shards that are told of at most. */
const MOST_FAILED = 1000;

/** Looks at what is under way. @param url - address of Redis */
export async function jobsState(url: string, note: (text: string) => void): Promise<JobsState> {
  return withQueues(url, note, async (connection, queues) => {
    const states: QueueState[] = [];
    const failed: FailedShard[] = [];
    for (const [i, queue] of queues.entries()) {
      const counts = await queue.getJobCounts("wait", "active", "delayed", "failed");
      const { wait = 0, active = 0, delayed = 0, failed: set = 0 } = counts;
      if (wait + active + delayed + set > 0)
        states.push({ device: DEVICES[i]!, waiting: wait, active, delayed, failed: set });
      for (const { data, attemptsMade, failedReason } of await queue.getFailed(0, MOST_FAILED - 1)) {
        const { run, shard, start, count } = data as ShardJob;
        failed.push({ run, shard, start, count, attempts: attemptsMade, why: failedReason });
      }
    }
    const runs = Object.entries(await connection.redis.hgetall(KEYS.progress)).map(([run, text]): RunState => {
      const { owner: _, ...said } = JSON.parse(text) as Omit<RunState, "run" | "secondsLeft"> & { owner: string };
      return { run, ...said, secondsLeft: said.rate > 0 ? (said.pictures - said.done) / said.rate : null };
    });
    failed.sort((a, b) => (a.run === b.run ? a.shard - b.shard : a.run < b.run ? -1 : 1));
    return { queues: states, runs, workers: await aliveWorkers(connection.redis), failed };
  });
}

/** Takes back a run's jobs, and tells workers and the command that has it. @returns jobs that were taken back */
export async function cancelRun(url: string, run: string, note: (text: string) => void): Promise<number> {
  return withQueues(url, note, async ({ redis }, queues) => {
    let removed = 0;
    for (const queue of queues) {
      for (const id of await queue.getRanges(["wait", "delayed", "failed"], 0, -1)) {
        if (!id.startsWith(`${run}-`)) continue;
        removed += await queue.remove(id).catch(() => 0);
      }
    }
    const known = (await redis.exists(KEYS.run(run), KEYS.results(run), KEYS.lease(run))) > 0;
    if (!known && removed === 0)
      throw new RequestError(`the queue has no run "${run}"; fixres jobs lists those that there are.`);
    await redis.set(KEYS.cancelled(run), "1", "EX", 3600);
    await redis.del(KEYS.results(run), KEYS.run(run));
    await redis.hdel(KEYS.progress, run);
    return removed;
  });
}

async function withQueues<T>(
  url: string,
  note: (text: string) => void,
  work: (connection: Connection, queues: readonly Queue[]) => Promise<T>,
): Promise<T> {
  const connection = await connect(url, note);
  const queues = await openQueues(connection);
  try {
    return await work(connection, queues);
  } finally {
    await Promise.all(queues.map((queue) => queue.close().catch(() => {})));
    await connection.close();
  }
}
