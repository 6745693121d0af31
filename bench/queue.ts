/**
 * What does a queue cost? `npx tsx bench/queue.ts [overhead|rate]` starts a Redis of its own and prints: the processor time and the
 * time of an evaluation by one worker beside the plain command's, B0 at 224 with 256 pictures a shard; how many shards a second pass
 * through where the model is instant, 5,000 of them; and what a shard takes of Redis's memory while it waits and when it is done.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connect, openSpread, serve } from "fixres/cluster";
import type { Source } from "fixres/data";
import { testPreprocessing } from "fixres/evaluate";
import { architecture, freshModel, saveModel } from "fixres/models";
import { withPictures } from "./pictures.js";
import { median } from "./rounds.js";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const PICTURES = 4096;
const SHARD = 256;
const SHARDS = 5000;
const ROUNDS = 3;
const silent = { start: () => ({ advance() {}, end() {} }), note() {} };
const model = freshModel(
  architecture("efficientnet_b0"),
  Array.from({ length: 1000 }, (_, i) => String(i)),
  0,
);

/** Processor time of a process so far, s. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs the command. @returns seconds of its evaluation */
const evaluated = (args: readonly string[]): number =>
  JSON.parse(
    execFileSync(process.execPath, [MAIN, ...args, "--json"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  ).seconds as number;

async function overhead(queue: string, folder: string): Promise<void> {
  await saveModel(join(folder, "model"), model);
  await withPictures(PICTURES, async (data) => {
    const worker: ChildProcess = spawn(process.execPath, [MAIN, "worker", "--queue", queue], { stdio: "ignore" });
    const args = ["eval", join(folder, "model"), "--data", data];
    const spread = [...args, "--queue", queue, "--shard-size", String(SHARD)];
    evaluated(spread);
    const found: Record<"plain" | "queue", { seconds: number[]; processor: number[] }> = {
      plain: { seconds: [], processor: [] },
      queue: { seconds: [], processor: [] },
    };
    const measure = (kind: "plain" | "queue"): void => {
      const before = processorSeconds(worker.pid!) + children();
      const seconds = evaluated(kind === "plain" ? args : spread);
      found[kind].seconds.push(seconds);
      found[kind].processor.push(processorSeconds(worker.pid!) + children() - before);
    };
    for (let round = 0; round < ROUNDS; round++)
      for (const kind of round % 2 === 0 ? (["plain", "queue"] as const) : (["queue", "plain"] as const)) measure(kind);
    worker.kill("SIGTERM");
    for (const kind of ["plain", "queue"] as const) {
      const { seconds, processor } = found[kind];
      const shown = (values: readonly number[]): string => values.map((value) => value.toFixed(2)).join(", ");
      console.log(
        `${kind}: median ${median(seconds).toFixed(2)} s of ${shown(seconds)}; processor ${median(processor).toFixed(2)} s of ${shown(processor)}`,
      );
    }
    const ratio = (of: "seconds" | "processor"): string =>
      (median(found.queue[of]) / median(found.plain[of])).toFixed(3);
    console.log(`queue beside plain: time ${ratio("seconds")}, processor time ${ratio("processor")}`);
  });
}

/** Processor time of all processes that have ended, s. */
function children(): number {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Pictures by ImageNet's names, which nobody reads. */
function named(count: number): Source {
  const samples = Array.from({ length: count }, (_, i) => {
    const name = `n0${1440764 + (i % 1000)}/ILSVRC2012_val_${String(i).padStart(8, "0")}.JPEG`;
    return { name, path: `/data/imagenet/val/${name}`, label: i % 1000 };
  });
  return { name: "imagenet", classes: model.classes, samples, notes: [] };
}

async function throughput(queue: string, folder: string, redis: number): Promise<void> {
  const place = join(folder, "model");
  await saveModel(place, model);
  const worker = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), "instant", queue], {
    stdio: "ignore",
  });
  const connection = await connect(queue, () => {});
  const memory = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await connection.redis.info("memory"))![1]);
  const spread = await openSpread({
    ...{ queue, root: "/", overHttp: false, command: "bench", model: place, progress: silent },
    ...{ shardSize: SHARD, dataOf: () => ({ path: "/data/imagenet", split: "val" as const }) },
  });
  const source = named(SHARDS * SHARD);
  const work = { model, source, preprocessing: testPreprocessing(model.input), batchSize: 4, start: 0 };
  try {
    const empty = await memory();
    const before = [processorSeconds(process.pid), processorSeconds(worker.pid!), processorSeconds(redis)];
    const started = performance.now();
    let [shards, most, first] = [0, 0, 0];
    for await (const _ of spread.score(work)) {
      if (shards === 0) first = performance.now();
      shards++;
      if (shards % 100 === 0) most = Math.max(most, await memory());
    }
    const seconds = (performance.now() - started) / 1000;
    const steady = (performance.now() - first) / 1000;
    console.log(
      `${shards} shards of ${SHARD} pictures in ${seconds.toFixed(2)} s (first result after ${(seconds - steady).toFixed(2)} s): ${(shards / steady).toFixed(0)} a second; Redis at most ${((most - empty) / 1e6).toFixed(1)} MB`,
    );
    const names = ["the command", "the worker", "Redis"];
    const pids = [process.pid, worker.pid!, redis];
    const used = pids.map((pid, i) => ((1000 * (processorSeconds(pid) - before[i]!)) / shards).toFixed(2));
    console.log(`processor time a shard: ${names.map((name, i) => `${name} ${used[i]} ms`).join(", ")}`);
    worker.kill("SIGTERM");
    await sleep(2000);
    // Waiting: nobody takes them.
    const idle = await memory();
    const stop = new AbortController();
    const waiting = spread.score({ ...work, signal: stop.signal });
    const next = waiting.next().catch(() => null);
    await sleep(8000);
    const jobs = (await connection.redis.llen("bull:fixres-cpu:wait")) || 1;
    console.log(`${jobs} shards that wait take ${(((await memory()) - idle) / jobs / 1e3).toFixed(1)} kB each`);
    stop.abort(new Error("done"));
    await next;
  } finally {
    await spread.close();
    await connection.close();
    worker.kill("SIGKILL");
  }
}

/** A worker whose model is instant. */
async function instant(queue: string): Promise<void> {
  const drain = new AbortController();
  process.on("SIGTERM", () => drain.abort());
  const row = { top1: new Uint8Array(SHARD), top5: new Uint8Array(SHARD), loss: new Float64Array(SHARD) };
  const top = { top: new Int32Array(5 * SHARD), probability: new Float64Array(5 * SHARD) };
  const positions = Int32Array.from({ length: SHARD }, (_, i) => i);
  const engines = {
    compute: async () => ({ bad: [], arrays: { positions, ...row, ...top } }),
    dispose: async () => {},
  };
  const how = { device: "cpu" as const, concurrency: 16, lockSeconds: 30, drain: drain.signal, progress: silent };
  await serve({ queue, store: "/", cache: tmpdir(), engines, ...how });
}

const [which = "all", address] = process.argv.slice(2);
if (which === "instant") await instant(address!);
else {
  const folder = mkdtempSync(join(tmpdir(), "fixres-bench-"));
  const port = await freePort();
  const redis = spawn("redis-server", ["--port", String(port), "--save", "", "--dir", folder], { stdio: "ignore" });
  try {
    await sleep(500);
    const queue = `redis://127.0.0.1:${port}`;
    if (which !== "rate") await overhead(queue, folder);
    if (which !== "overhead") await throughput(queue, folder, redis.pid!);
  } finally {
    redis.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}
