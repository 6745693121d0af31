import type { Redis } from "ioredis";
import type { Device } from "../runtime/index.js";
import { KEYS } from "./redis.js";
import type { WorkerState } from "./worker.js";

/** Silence after which a worker counts as gone, ms. */
const GONE_MS = 15_000;

/** The workers that have been heard of lately, by name. @param device - of theirs; any unless given */
export async function aliveWorkers(redis: Redis, device?: Device): Promise<WorkerState[]> {
  const [[seconds], all] = await Promise.all([redis.time(), redis.hgetall(KEYS.workers)]);
  const now = 1000 * Number(seconds);
  const workers = Object.values(all).map((text) => JSON.parse(text) as WorkerState);
  const gone = workers.filter(({ seen }) => seen < now - GONE_MS);
  if (gone.length > 0) await redis.hdel(KEYS.workers, ...gone.map(({ name }) => name));
  return workers
    .filter((worker) => !gone.includes(worker) && (device === undefined || worker.device === device))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
