import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Job } from "bullmq";
import { DataError, reason } from "../errors.js";
import { rate } from "../format.js";
import type { Progress } from "../progress.js";
import type { Device } from "../runtime/index.js";
import { type Engines, openEngines, Refusal } from "./engines.js";
import { RunSpec, ShardJob, unpackPictures, VERSIONS } from "./job.js";
import { type Opened, openFromStore, shardSource } from "./pictures.js";
import { connect, KEYS, queueName } from "./redis.js";
import { encodeResult } from "./result.js";
import { openStore, Unavailable } from "./store.js";

export interface ServeOptions {
  /** Address of Redis. */
  readonly queue: string;
  /** Where the files of jobs are: a folder that all see, or an http(s) address. */
  readonly store: string;
  /** Folder for what is fetched. */
  readonly cache: string;
  readonly device: Device;
  readonly threads?: number;
  /** Shards at a time, which share the sessions: while one ends another begins. */
  readonly concurrency: number;
  /** Seconds without a word of a worker, after which its shards are another's. */
  readonly lockSeconds: number;
  /** Host and process unless given. */
  readonly name?: string;
  /** What computes shards; the engine's sessions unless given. */
  readonly engines?: Engines;
  /** Drains: shards under way are finished, and no others begun. */
  readonly drain: AbortSignal;
  readonly progress: Progress;
}

/** How long a worker that cannot take a job leaves the queue to others, ms. */
const PAUSE_MS = 3000;

/** Between two looks at whether a run was given up, and two words of life, ms. */
const BEAT_MS = 2000;

/** Workers that die over a shard before it is set aside: it may be to blame, and usually is not. */
const MOST_STALLED = 50;

/** How long results stay for a command that was killed, s. */
export const KEPT_SECONDS = 7 * 24 * 3600;

/** What a worker says of itself. */
export interface WorkerState {
  readonly name: string;
  readonly device: Device;
  readonly versions: RunSpec["versions"];
  readonly concurrency: number;
  readonly shards: number;
  readonly pictures: number;
  /** Pictures a second while it computes. */
  readonly rate: number;
  /** Why it gave its last job back; null where it takes them. */
  readonly refuses: string | null;
  /** By the clock of Redis, ms. */
  readonly seen: number;
}

/** Serves the queue of a device until it is drained. @returns shards that were computed */
export async function serve(options: ServeOptions): Promise<{ readonly shards: number; readonly pictures: number }> {
  const { queue, device, threads, concurrency, lockSeconds, drain, progress } = options;
  const { note } = progress;
  const name = options.name ?? `${hostname()}:${process.pid}`;
  const connection = await connect(queue, note);
  const { redis } = connection;
  const { DelayedError, Worker } = await import("bullmq");
  const store = openStore(options.store, options.cache, note);
  const engines = options.engines ?? openEngines(store, threads);
  const state = { shards: 0, pictures: 0, busyMs: 0, refuses: null as string | null };
  const specs = new Map<string, Promise<RunSpec>>();
  const sources = new Map<string, ReturnType<Opened>>();

  const specOf = (run: string): Promise<RunSpec> => remembered(specs, run, () => readSpec(run));
  const readSpec = async (run: string): Promise<RunSpec> => {
    const text = await redis.get(KEYS.run(run));
    const found = text === null ? null : RunSpec.safeParse(JSON.parse(text));
    if (found === null) throw new Unavailable(`the queue has forgotten what the run ${run} is`);
    if (found.success && sameVersions(found.data.versions)) return found.data;
    const theirs = JSON.parse(text!).versions as Partial<RunSpec["versions"]> | undefined;
    throw new Refusal(
      `this worker is ${described(VERSIONS)}, where the job wants ${described(theirs ?? {})}; install that version here`,
    );
  };
  const opened: Opened = (spec) => remembered(sources, JSON.stringify(spec), () => openFromStore(store, spec));

  const attempt = async (job: ShardJob): Promise<string> => {
    const started = performance.now();
    const spec = await specOf(job.run);
    const stop = new AbortController();
    const look = setInterval(async () => {
      if (await redis.exists(KEYS.cancelled(job.run)).catch(() => 0)) stop.abort(new Error("cancelled"));
    }, BEAT_MS);
    try {
      const source =
        spec.work.kind === "steps"
          ? { source: await opened(spec.data.source!), order: Int32Array.of(job.shard), truth: [] }
          : await shardSource(spec, unpackPictures(job.pictures), store, opened);
      const rows = await engines.compute(spec, source, stop.signal);
      const seconds = (performance.now() - started) / 1000;
      const bytes = encodeResult({ count: job.count, worker: name, seconds, ...rows });
      // By its place in the run: whoever computes it again writes the same there.
      await redis
        .multi()
        .hset(KEYS.results(job.run), job.shard, bytes)
        .expire(KEYS.results(job.run), KEPT_SECONDS)
        .exec()
        .then((answers) => {
          for (const [error] of answers ?? [])
            if (error) throw new Unavailable(`the queue takes no result: ${error.message}`);
        });
      state.shards++;
      state.pictures += job.count;
      state.busyMs += performance.now() - started;
      state.refuses = null;
      return name;
    } catch (error) {
      if (stop.signal.aborted) return "cancelled";
      throw error;
    } finally {
      clearInterval(look);
    }
  };

  const handle = async (job: Job, token?: string): Promise<string> => {
    const own = ShardJob.parse(job.data);
    try {
      return await attempt(own);
    } catch (error) {
      if (error instanceof Unavailable) {
        const why = error.message;
        if (state.refuses !== why) note(`${job.id} goes back to the queue: ${why}`);
        state.refuses = why;
        specs.delete(own.run);
        await tell();
        await job.moveToDelayed(Date.now() + 500, token);
        // Others may do better.
        await sleep(PAUSE_MS, undefined, { signal: drain }).catch(() => {});
        throw new DelayedError();
      }
      const why = error instanceof DataError ? error.message : reason(error);
      note(`${job.id} failed, attempt ${job.attemptsMade + 1}: ${why}`);
      throw new Error(`${why} (${name})`);
    }
  };

  const tell = async (): Promise<void> => {
    const [seconds, micros] = await redis.time();
    const now = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    const { shards, pictures, refuses, busyMs } = state;
    const pace = busyMs > 0 ? (pictures / busyMs) * 1000 * Math.min(concurrency, shards) : 0;
    const said: WorkerState = {
      name,
      device,
      versions: VERSIONS,
      concurrency,
      shards,
      pictures,
      rate: pace,
      refuses,
      seen: now,
    };
    await redis.hset(KEYS.workers, name, JSON.stringify(said));
  };

  const worker = new Worker(queueName(device), handle, {
    connection: redis,
    name,
    concurrency,
    lockDuration: 1000 * lockSeconds,
    stalledInterval: 500 * lockSeconds,
    maxStalledCount: MOST_STALLED,
    runRetryDelay: 1000,
    drainDelay: 2,
  });
  // A lock that was lost is another worker's by now, and a break of the connection is told of elsewhere.
  worker.on("error", () => {});
  const beat = setInterval(() => void tell().catch(() => {}), BEAT_MS);
  try {
    await tell();
    note(
      `${name} serves ${queueName(device)} at ${connection.shown}, ${concurrency} shards at a time; files from ${store.name}`,
    );
    if (!drain.aborted)
      await new Promise<void>((resolve) => drain.addEventListener("abort", () => resolve(), { once: true }));
    note("draining: shards under way are finished, and no others begun");
    await worker.close();
    const { shards, pictures, busyMs } = state;
    note(
      `drained after ${shards} shards of ${pictures} pictures${busyMs > 0 ? `, ${rate((pictures / busyMs) * 1000)} a second` : ""}`,
    );
    return { shards, pictures };
  } finally {
    clearInterval(beat);
    await Promise.race([redis.hdel(KEYS.workers, name).catch(() => 0), sleep(1000)]);
    await engines.dispose();
    await connection.close();
  }
}

const sameVersions = (theirs: RunSpec["versions"]): boolean =>
  theirs.fixres === VERSIONS.fixres && theirs.engine === VERSIONS.engine;

const described = ({
  fixres = "of an unknown version",
  engine = "an unknown engine",
}: Partial<RunSpec["versions"]>): string => `fixres ${fixres} on ${engine}`;

/** Entries of a map of promises at most; runs come and go. */
const REMEMBERED = 16;

function remembered<T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  let found = map.get(key);
  if (found === undefined) {
    found = make();
    found.catch(() => map.delete(key));
    map.set(key, found);
    if (map.size > REMEMBERED) map.delete(map.keys().next().value!);
  }
  return found;
}
