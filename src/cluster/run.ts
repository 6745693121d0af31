import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Job, Queue } from "bullmq";
import { FailedError, RequestError } from "../errors.js";
import { jobName, type RunSpec, type ShardJob } from "./job.js";
import { Paces } from "./paces.js";
import { type Connection, KEYS } from "./redis.js";
import { decodeResult, type ShardResult } from "./result.js";
import { KEPT_SECONDS } from "./worker.js";
import { aliveWorkers } from "./workers.js";

/** Bytes of results that may wait in Redis, and shards that may be there at most. */
const WAITING_BYTES = 2 ** 28;
const MOST_SHARDS = 2000;
const FEWEST_SHARDS = 16;

/** Jobs that are added with one call. */
const BULK = 100;

/** Results that are fetched with one call: shards, and bytes. */
const AT_ONCE = 32;
const AT_ONCE_BYTES = 2 ** 25;

/** Between two looks for results, ms: short at first, longer while nothing comes. */
const POLL_MS = [5, 100] as const;

/** Between two looks at what failed, at workers, and at whether Redis still has all jobs, ms. */
const FAILED_MS = 500;
const STATE_MS = 2000;
const RECONCILE_MS = 5000;

/** How long a command that was killed keeps others from its run, ms. */
const LEASE_MS = 15_000;

/** Work that is cut into shards. */
export interface Run {
  readonly name: string;
  readonly spec: RunSpec;
  /** What the command is, for `fixres jobs`. */
  readonly about: { readonly task: string; readonly model: string; readonly data: string };
  readonly pictures: number;
  /** Pictures of each shard but the last. */
  readonly shardSize: number;
  /** Shards at the beginning that the caller has already. */
  readonly skip: number;
  /** Bytes of a picture's result, about. */
  readonly resultBytes: number;
  /** Makes a shard's list of pictures. @param start - position of the first in the run's order */
  readonly picturesOf: (start: number, count: number) => Promise<string>;
  /** Whether shards behind one that was set aside are of use. */
  readonly anyOrder: boolean;
}

/** A shard's result, with where it belongs. */
export interface ShardOutcome {
  readonly start: number;
  readonly count: number;
  readonly result: ShardResult;
  /** Who computes how fast. */
  readonly by: string;
}

/** Shards that may be in Redis at the same time, by what their results take. */
export const windowOf = ({ shardSize, resultBytes }: Pick<Run, "shardSize" | "resultBytes">): number =>
  Math.max(FEWEST_SHARDS, Math.min(MOST_SHARDS, Math.floor(WAITING_BYTES / (resultBytes * shardSize))));

interface Aside {
  readonly shard: number;
  readonly why: string;
}

/**
 * Has a run computed by the workers of its queue, and gives the results in the order of the pictures, each once. A command that was
 * killed and is given again takes what is done already. Where it ends early its jobs are taken back.
 * @throws {FailedError} at the end, naming shards that failed three times and were set aside
 * @throws {RequestError} where another command gathers the same run
 */
export async function* gather(
  connection: Connection,
  queue: Queue,
  run: Run,
  { signal, note = () => {} }: { readonly signal?: AbortSignal; readonly note?: (text: string) => void },
): AsyncGenerator<ShardOutcome> {
  const { redis } = connection;
  const lease = await takeLease(connection, run.name, note, signal);
  const gathering = new Gathering(connection, queue, run, note);
  let finished = false;
  try {
    await gathering.begin();
    yield* gathering.results(signal);
    finished = true;
    await gathering.end();
  } finally {
    clearInterval(lease);
    if (!finished) await Promise.race([gathering.cancel(), sleep(5000, undefined, { ref: false })]).catch(() => {});
    await Promise.race([redis.del(KEYS.lease(run.name)), sleep(1000, undefined, { ref: false })]).catch(() => {});
  }
}

/** @returns what keeps the lease alive */
async function takeLease(
  { redis }: Connection,
  run: string,
  note: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<NodeJS.Timeout> {
  const own = `${hostname()}:${process.pid}`;
  const key = KEYS.lease(run);
  const until = performance.now() + LEASE_MS + 1000;
  for (let told = false; ; told = true) {
    signal?.throwIfAborted();
    if ((await redis.set(key, own, "PX", LEASE_MS, "NX")) !== null) break;
    const other = await redis.get(key);
    // A process of this machine that is there no more leaves at once.
    if (other === own || (other !== null && isGone(other))) {
      await redis.set(key, own, "PX", LEASE_MS);
      break;
    }
    if (performance.now() > until)
      throw new RequestError(
        `the same work is under way by ${other} on this queue; wait for it, or stop it (fixres jobs --cancel ${run}).`,
      );
    if (!told) note(`the same work was begun by ${other}; waiting to hear whether it still runs`);
    await sleep(500, undefined, { signal }).catch(() => {});
  }
  const keep = (): void => void redis.set(key, own, "PX", LEASE_MS).catch(() => {});
  return setInterval(keep, LEASE_MS / 3);
}

function isGone(owner: string): boolean {
  const at = owner.lastIndexOf(":");
  if (owner.slice(0, at) !== hostname()) return false;
  try {
    process.kill(Number(owner.slice(at + 1)), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** One command's view of its run. */
class Gathering {
  private readonly shards: number;
  private readonly window: number;
  /** Shards below have been handed to the queue. */
  private added = 0;
  /** Shards below have been given to the caller, or set aside. */
  private next = 0;
  private readonly ready = new Set<number>();
  /** Shards whose results the caller has, and Redis too. */
  private readonly kept: number[] = [];
  private readonly aside = new Map<number, Aside>();
  private readonly paces = new Paces();
  private readonly looked = { failed: 0, state: 0, reconcile: 0 };
  private told = "";

  constructor(
    private readonly connection: Connection,
    private readonly queue: Queue,
    private readonly run: Run,
    private readonly note: (text: string) => void,
  ) {
    this.shards = Math.ceil(run.pictures / run.shardSize);
    this.added = run.skip;
    this.next = run.skip;
    this.window = windowOf(run);
  }

  private get redis() {
    return this.connection.redis;
  }

  async begin(): Promise<void> {
    const { name } = this.run;
    await this.remember();
    await this.redis.del(KEYS.cancelled(name));
    // What was set aside is tried anew.
    for (const job of await this.failedJobs()) await job.remove();
    await this.lookForResults();
    if (this.ready.size > 0) this.note(`the queue has ${this.ready.size} of ${this.shards} shards from an earlier run`);
    this.looked.reconcile = performance.now();
  }

  async *results(signal: AbortSignal | undefined): AsyncGenerator<ShardOutcome> {
    let wait: number = POLL_MS[0];
    while (this.next < this.shards) {
      await abortable(this.refill(), signal);
      await abortable(this.look(), signal);
      const before = this.next;
      for (const taken of await abortable(this.take(), signal)) {
        if (taken !== null && (this.aside.size === 0 || this.run.anyOrder)) {
          yield taken;
          this.kept.push(this.next);
        }
        this.next++;
      }
      // Whoever has asked for more has kept what came before.
      await abortable(this.forget(), signal);
      wait = this.next > before ? POLL_MS[0] : Math.min(POLL_MS[1], 2 * wait);
      if (this.next < this.shards) await abortable(sleep(wait), signal);
    }
  }

  /** @throws {FailedError} where shards were set aside */
  async end(): Promise<void> {
    const { name } = this.run;
    await this.redis.hdel(KEYS.progress, name);
    if (this.aside.size === 0) {
      await this.redis.del(KEYS.results(name), KEYS.run(name));
      return;
    }
    const told = [...this.aside.values()]
      .sort((a, b) => a.shard - b.shard)
      .slice(0, 3)
      .map(({ shard, why }) => {
        const start = shard * this.run.shardSize;
        return `shard ${shard} (pictures ${start} to ${start + this.countOf(shard) - 1}): ${why}`;
      });
    const more = this.aside.size > told.length ? `; and ${this.aside.size - told.length} more` : "";
    throw new FailedError(
      `${this.aside.size} of ${this.shards} shards failed three times and are set aside, all others are done: ${told.join("; ")}${more}. Mend the cause and give the same command again: it computes these alone (fixres jobs lists them).`,
    );
  }

  /** Takes back what no worker has begun, and tells those who have. */
  async cancel(): Promise<void> {
    const { name } = this.run;
    await this.redis.set(KEYS.cancelled(name), "1", "EX", 3600);
    await this.redis.hdel(KEYS.progress, name);
    const pending: Promise<unknown>[] = [];
    for (let shard = this.next; shard < this.added; shard++)
      if (!this.ready.has(shard)) pending.push(this.queue.remove(jobName(name, shard)).catch(() => 0));
    await Promise.all(pending);
  }

  private countOf(shard: number): number {
    const { shardSize, pictures } = this.run;
    return Math.min(shardSize, pictures - shard * shardSize);
  }

  private async remember(): Promise<void> {
    await this.redis.set(KEYS.run(this.run.name), JSON.stringify(this.run.spec), "EX", KEPT_SECONDS);
  }

  /** Hands shards to the queue, so many that workers never wait and Redis is never full. */
  private async refill(): Promise<void> {
    const until = Math.min(this.shards, this.next + this.window);
    const shards: number[] = [];
    for (; this.added < until && shards.length < BULK; this.added++)
      if (!this.ready.has(this.added)) shards.push(this.added);
    await this.add(shards);
  }

  private async add(shards: readonly number[]): Promise<void> {
    if (shards.length === 0) return;
    const { name, shardSize } = this.run;
    const jobs = await Promise.all(
      shards.map(async (shard) => {
        const [start, count] = [shard * shardSize, this.countOf(shard)];
        const data: ShardJob = { run: name, shard, start, count, pictures: await this.run.picturesOf(start, count) };
        return { name: "shard", data, opts: { jobId: jobName(name, shard) } };
      }),
    );
    await this.queue.addBulk(jobs);
  }

  private async look(): Promise<void> {
    await this.lookForResults();
    if (this.due("failed", FAILED_MS)) await this.lookForFailed();
    if (this.due("state", STATE_MS)) await this.tell();
    if (this.due("reconcile", RECONCILE_MS)) await this.reconcile();
  }

  private due(what: keyof typeof this.looked, everyMs: number): boolean {
    const now = performance.now();
    if (now - this.looked[what] < everyMs) return false;
    this.looked[what] = now;
    return true;
  }

  private async lookForResults(): Promise<void> {
    for (const key of await this.redis.hkeys(KEYS.results(this.run.name))) {
      const shard = Number(key);
      if (shard >= this.next && shard < this.shards) this.ready.add(shard);
    }
  }

  /** The results of the shards whose turn it is, as far as they are there; null for one that was set aside. */
  private async take(): Promise<(ShardOutcome | null)[]> {
    const { name, shardSize, resultBytes } = this.run;
    const most = Math.max(1, Math.min(AT_ONCE, Math.floor(AT_ONCE_BYTES / (resultBytes * shardSize))));
    const turn: number[] = [];
    for (let shard = this.next; shard < this.shards && turn.length < most; shard++) {
      if (!this.ready.has(shard) && !this.aside.has(shard)) break;
      turn.push(shard);
    }
    if (turn.length === 0) return [];
    const found = await this.redis.hmgetBuffer(KEYS.results(name), ...turn.map(String));
    const taken: (ShardOutcome | null)[] = [];
    for (const [i, shard] of turn.entries()) {
      const bytes = found[i] ?? null;
      if (bytes === null && !this.aside.has(shard)) {
        // Redis has lost it with its last second; the job is looked for when it is due.
        this.ready.delete(shard);
        break;
      }
      if (bytes === null) taken.push(null);
      else {
        const count = this.countOf(shard);
        const result = decodeResult(bytes, count);
        this.paces.add(result);
        taken.push({ start: shard * shardSize, count, result, by: this.paces.shown() });
      }
    }
    return taken;
  }

  private async forget(): Promise<void> {
    const shards = this.kept.splice(0);
    if (shards.length === 0) return;
    for (const shard of shards) this.ready.delete(shard);
    await this.redis.hdel(KEYS.results(this.run.name), ...shards.map(String));
  }

  private async failedJobs(): Promise<Job[]> {
    const ids = await this.queue.getRanges(["failed"], 0, -1);
    const own = ids.filter((id) => id.startsWith(`${this.run.name}-`));
    const jobs = await Promise.all(own.map((id) => this.queue.getJob(id) as Promise<Job | undefined>));
    return jobs.filter((job) => job !== undefined);
  }

  private async lookForFailed(): Promise<void> {
    const failed = (await this.queue.getRanges(["failed"], 0, -1)).filter((id) => id.startsWith(`${this.run.name}-`));
    if (failed.length <= this.aside.size) return;
    for (const { data, failedReason: why } of await this.failedJobs()) {
      const { shard } = data as ShardJob;
      // A worker that was believed dead may have done it after all.
      if (this.aside.has(shard) || this.ready.has(shard) || shard < this.next) continue;
      this.aside.set(shard, { shard, why });
      this.note(`shard ${shard} of ${this.shards} is set aside after three failures: ${why}`);
    }
  }

  /** How far it is, for `fixres jobs`; and what keeps it from going on, for the user. */
  private async tell(): Promise<void> {
    const { name, about, pictures, spec, shardSize } = this.run;
    if (await this.redis.exists(KEYS.cancelled(name)))
      throw new FailedError("stopped by fixres jobs --cancel; give the same command again to go on.");
    const done = Math.min(pictures, (this.next + this.ready.size) * shardSize);
    const said = { ...about, device: spec.device, pictures, done, shards: this.shards, aside: this.aside.size };
    const progress = { ...said, rate: this.paces.total(), owner: `${hostname()}:${process.pid}` };
    await this.redis.hset(KEYS.progress, name, JSON.stringify(progress));
    const workers = await aliveWorkers(this.redis, spec.device);
    const refusals = workers.flatMap(({ name: who, refuses }) =>
      refuses === null ? [] : [`${who} takes no job: ${refuses}`],
    );
    const none = `no worker serves ${this.queue.name} at ${this.connection.shown}; start some: fixres worker --queue ...`;
    const text = workers.length === 0 ? none : refusals.join("\n");
    if (text !== "" && text !== this.told) this.note(text);
    this.told = text;
  }

  /** Adds jobs again that Redis has lost, as one that was restarted does with its last second. */
  private async reconcile(): Promise<void> {
    const { name } = this.run;
    await this.remember();
    const open: number[] = [];
    for (let shard = this.next; shard < this.added; shard++)
      if (!this.ready.has(shard) && !this.aside.has(shard)) open.push(shard);
    const missing: number[] = [];
    for (let at = 0; at < open.length; at += BULK) {
      const part = open.slice(at, at + BULK);
      const pipeline = this.redis.pipeline();
      for (const shard of part) pipeline.exists(this.queue.toKey(jobName(name, shard)));
      const answers = (await pipeline.exec()) ?? [];
      missing.push(...part.filter((_, i) => answers[i]?.[1] === 0));
    }
    if (missing.length === 0) return;
    // A job goes only after its result has come.
    await this.lookForResults();
    const lost = missing.filter((shard) => !this.ready.has(shard));
    if (lost.length > 0) this.note(`the queue has lost ${lost.length} shards; they are added again`);
    for (let at = 0; at < lost.length; at += BULK) await this.add(lost.slice(at, at + BULK));
  }
}

/** A promise that a signal ends, since Redis may not answer for long. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  work.catch(() => {});
  signal.throwIfAborted();
  let stop = (): void => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  stopped.catch(() => {});
  return Promise.race([work, stopped]).finally(() => signal.removeEventListener("abort", stop));
}
