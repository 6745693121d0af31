import { cancelRun, type JobsState, jobsState } from "../cluster/index.js";
import { duration } from "../format.js";
import * as cli from "./options.js";
import { stderrProgress } from "./progress.js";
import { queueAddress } from "./queue-options.js";
import { table } from "./table.js";

interface Options {
  readonly queue?: string;
  readonly cancel?: string;
  readonly json?: boolean;
}

export const jobsCommand = cli
  .command("jobs", "Show what a queue has under way: runs, workers, shards that failed and why.", [
    "fixres jobs --queue redis://queue.example:6379",
    "fixres jobs --queue redis://queue.example:6379 --json",
    "fixres jobs --queue redis://queue.example:6379 --cancel 3f2a9c0d51b7e64882aa",
  ])
  .option("--queue <address>", "Redis, redis://... or rediss://... for TLS (default: FIXRES_QUEUE)")
  .option("--cancel <run>", "take back the jobs of a run, and forget what failed and what is done of it")
  .action(async ({ queue, cancel, json }: Options) => {
    const address = queueAddress(queue);
    const { note } = stderrProgress();
    if (cancel !== undefined) {
      const removed = await cancelRun(address, cancel, note);
      cli.print(json, { run: cancel, removed }, () => `${removed} jobs of ${cancel} are taken back`);
      return;
    }
    const state = await jobsState(address, note);
    cli.print(json, state, () => textOf(state));
  });

function textOf({ queues, runs, workers, failed }: JobsState): string {
  const parts: string[] = [];
  if (runs.length > 0)
    parts.push(
      table(
        ["run", "command", "model", "data", "pictures", "done", "pictures/s", "left", "set aside"],
        runs.map(({ run, task, model, data, pictures, done, rate, secondsLeft, aside }) => [
          ...[run, task, model, data, String(pictures), cli.percent(done / pictures, 0), cli.rate(rate)],
          ...[secondsLeft === null ? "" : duration(secondsLeft), String(aside)],
        ]),
      ),
    );
  if (queues.length > 0)
    parts.push(
      table(
        ["device", "waiting", "active", "delayed", "failed"],
        queues.map(({ device, ...counts }) => [device, ...Object.values(counts).map(String)]),
      ),
    );
  if (workers.length > 0)
    parts.push(
      table(
        ["worker", "device", "shards", "pictures", "pictures/s", "takes jobs"],
        workers.map(({ name, device, shards, pictures, rate, refuses }) => [
          ...[name, device, String(shards), String(pictures), cli.rate(rate), refuses ?? "yes"],
        ]),
      ),
    );
  else parts.push("no worker serves this queue");
  if (failed.length > 0)
    parts.push(
      table(
        ["run", "failed shard", "pictures", "attempts", "why"],
        failed.map(({ run, shard, start, count, attempts, why }) => [
          ...[run, String(shard), `${start} to ${start + count - 1}`, String(attempts), why],
        ]),
      ),
    );
  if (runs.length === 0 && failed.length === 0) parts.push("nothing is under way");
  return parts.join("\n");
}
