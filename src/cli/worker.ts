import { join } from "node:path";
import { Option } from "commander";
import { serve } from "../cluster/index.js";
import { cacheFolder } from "../fixres/index.js";
import { DEVICES, type Device } from "../runtime/index.js";
import * as cli from "./options.js";
import { stderrProgress } from "./progress.js";
import { queueAddress } from "./queue-options.js";

interface Options {
  readonly queue?: string;
  readonly store: string;
  readonly cacheDir?: string;
  readonly device: Device;
  readonly threads?: number;
  readonly concurrency: number;
  readonly lock: number;
  readonly name?: string;
  readonly json?: boolean;
}

export const workerCommand = cli
  .command("worker", "Compute the jobs of a queue, until it is told to stop: one on each machine.", [
    "fixres worker --queue redis://queue.example:6379",
    "fixres worker --queue redis://queue.example:6379 --store /mnt/shared",
    "fixres worker --queue rediss://queue.example:6379 --store https://files.example/data --device cuda",
  ])
  .option("--queue <address>", "Redis, redis://... or rediss://... for TLS (default: FIXRES_QUEUE)")
  .option("--store <place>", "where the files of jobs are: a folder that all see, or an http(s) address", "/")
  .option("--cache-dir <dir>", "folder for what is fetched (default: the cache's, FIXRES_CACHE)")
  .addOption(
    new Option("--device <name>", "where to compute; jobs of other devices are others'")
      .choices(DEVICES)
      .default("cpu"),
  )
  .option("--threads <n>", "threads of the engine (default: one a core)", cli.positiveInteger)
  .option("--concurrency <n>", "shards at a time; two keep the engine busy", cli.positiveInteger, 2)
  .option("--lock <seconds>", "silence of a worker after which its shards go to others", cli.positiveInteger, 30)
  .option("--name <name>", "what it is called (default: host and process)")
  .action(async (options: Options) => {
    const { store, device, threads, concurrency, lock, name, json } = options;
    const drain = new AbortController();
    const stop = (): void => {
      // Whoever asks twice does not want to wait.
      if (drain.signal.aborted) process.exit(1);
      drain.abort();
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    const cache = join(options.cacheDir ?? cacheFolder(), "store");
    const place = { queue: queueAddress(options.queue), store, cache };
    const how = { device, threads, concurrency, lockSeconds: lock, name };
    const done = await serve({ ...place, ...how, drain: drain.signal, progress: stderrProgress() });
    cli.print(json, done, () => `${done.shards} shards, ${done.pictures} pictures`);
  });
