import type { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { FailedError, RequestError, reason } from "../errors.js";
import type { Device } from "../runtime/index.js";

/** The first words of all keys and queues. */
const PREFIX = "fixres";

/** The queue of a device: a worker takes jobs of its own alone, since results depend on the device in their last digits. */
export const queueName = (device: Device): string => `${PREFIX}-${device}`;

/** What Redis holds beside the queues. */
export const KEYS = {
  /** What the shards of a run have in common, as JSON. */
  run: (run: string): string => `${PREFIX}:run:${run}`,
  /** Results of a run, by shard. */
  results: (run: string): string => `${PREFIX}:results:${run}`,
  /** Who gathers the results of a run. */
  lease: (run: string): string => `${PREFIX}:lease:${run}`,
  /** There where a run was given up. */
  cancelled: (run: string): string => `${PREFIX}:cancelled:${run}`,
  /** How far runs are, by run. */
  progress: `${PREFIX}:progress`,
  /** Workers, by name. */
  workers: `${PREFIX}:workers`,
} as const;

/** Without an answer of Redis, after which a connection counts as dead, ms: longer than a worker waits for a job. */
const SILENCE_MS = 20_000;

/** How long the first connection is tried, ms. */
const FIRST_MS = 10_000;

/** A connection to the queue's server. */
export interface Connection {
  readonly redis: Redis;
  /** The address without password, for messages. */
  readonly shown: string;
  close(): Promise<void>;
}

/** An address of Redis as it may be shown: who and where, and no password. */
export function shownAddress(url: string): string {
  const { protocol, username, host, pathname } = addressOf(url);
  return `${protocol}//${username === "" ? "" : `${decodeURIComponent(username)}@`}${host}${pathname === "/" ? "" : pathname}`;
}

function addressOf(url: string): URL {
  let address: URL;
  try {
    address = new URL(url);
  } catch {
    // What was given may hold a password, and is not shown.
    throw new RequestError("--queue is no address; give redis://HOST:PORT, or rediss:// for TLS.");
  }
  if (address.protocol !== "redis:" && address.protocol !== "rediss:")
    throw new RequestError(
      `--queue begins with "${address.protocol}//"; give redis://HOST:PORT, or rediss:// for TLS.`,
    );
  return address;
}

/**
 * Connects to Redis, with password and TLS as its address says. Later breaks are waited out, and told of.
 * @throws {RequestError} where the address is none, or its password is refused
 * @throws {FailedError} where nobody answers
 */
export async function connect(
  url: string,
  note: (text: string) => void,
  { firstMs = FIRST_MS }: { readonly firstMs?: number } = {},
): Promise<Connection> {
  const shown = shownAddress(url);
  // The password stands on the command line; from here on no list of processes shows it.
  if (addressOf(url).password !== "") process.title = "fixres";
  // Loaded here, so that nothing of Redis is where nobody asks for a queue.
  const { Redis } = await import("ioredis");
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: null,
    connectTimeout: 5000,
    keepAlive: 10_000,
    socketTimeout: SILENCE_MS,
    retryStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 5), 2000),
  });
  let failure = "";
  let [told, ready, closed] = [false, false, false];
  redis.on("error", (error) => {
    failure = reason(error);
  });
  redis.on("close", () => {
    if (!ready || told || closed) return;
    told = true;
    note(`the queue at ${shown} does not answer${failure && ` (${failure})`}; waiting for it`);
  });
  redis.on("ready", () => {
    if (told) note(`the queue at ${shown} answers again`);
    [told, ready] = [false, true];
  });
  const answer = redis.connect().then(
    () => redis.ping(),
    () => new Promise<never>((_, reject) => redis.once("end", () => reject(new Error(failure)))),
  );
  answer.catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("late")), firstMs);
    redis.on("error", (error) => {
      if (/WRONGPASS|NOAUTH|NOPERM/.test(error.message)) reject(error);
    });
    redis.on("ready", () => clearTimeout(timer));
  });
  const connected = new Promise<void>((resolve) => redis.once("ready", resolve));
  late.catch(() => {});
  try {
    await Promise.race([connected, late]);
  } catch (error) {
    redis.disconnect();
    if (/WRONGPASS|NOAUTH|NOPERM/.test((error as Error).message))
      throw new RequestError(
        `the queue at ${shown} refuses its user or password; give redis://USER:PASSWORD@HOST:PORT.`,
      );
    throw new FailedError(
      `the queue at ${shown} cannot be reached${failure && ` (${failure})`}; start Redis there, or give another --queue.`,
    );
  } finally {
    clearTimeout(timer);
  }
  return {
    redis,
    shown,
    async close() {
      closed = true;
      redis.disconnect();
    },
  };
}

/** The queue of a device, for whoever adds jobs, counts them or shows them (as bull-board does). */
export async function openQueue({ redis }: Connection, device: Device): Promise<Queue> {
  const { Queue } = await import("bullmq");
  const queue = new Queue(queueName(device), {
    connection: redis,
    streams: { events: { maxLen: 1000 } },
    defaultJobOptions: {
      attempts: ATTEMPTS,
      backoff: { type: "exponential", delay: 1000 },
      removeOnComplete: true,
      removeOnFail: false,
      stackTraceLimit: 1,
    },
  });
  queue.on("error", () => {});
  return queue;
}

/** How often a shard is tried before it is set aside. */
export const ATTEMPTS = 3;
