import type { Command } from "commander";
import type { Spread } from "../cluster/index.js";
import type { Source } from "../data/index.js";
import { RequestError } from "../errors.js";
import type { Progress } from "../progress.js";
import type { Device } from "../runtime/index.js";
import { positiveInteger } from "./options.js";

/** Where the address of the queue is looked for where the command line has none. */
const VARIABLE = "FIXRES_QUEUE";

/** Options of every command whose work workers may do. */
export interface QueueOptions {
  readonly queue?: string | true;
  readonly shardSize?: number;
  readonly store?: string;
  readonly overHttp?: boolean;
}

export const withQueue = (to: Command): Command =>
  to
    .option(
      "--queue [address]",
      `have the pictures computed by the workers of this Redis, redis://... or rediss://... (default: ${VARIABLE}; docs/CLUSTER.md)`,
    )
    .option("--shard-size <n>", "pictures a job of the queue (docs/CLUSTER.md tells the default)", positiveInteger)
    .option("--store <dir>", "the folder here that workers know as their --store (default: /)")
    .option("--over-http", "workers fetch files over HTTP: jobs tell the hash of each");

/** The address of the queue. @throws {RequestError} where there is none */
export function queueAddress(queue: string | true | undefined): string {
  const found = typeof queue === "string" ? queue : process.env[VARIABLE];
  if (found) return found;
  throw new RequestError(`no queue is given; give --queue redis://HOST:PORT, or set ${VARIABLE}.`);
}

/** The queue of a command; null where it computes by itself. */
export async function openQueueOf(
  {
    queue,
    shardSize,
    store = "/",
    overHttp = false,
    data,
    labels,
    device,
  }: QueueOptions & {
    readonly data: string;
    readonly labels?: string;
    readonly device?: Device;
  },
  about: { readonly command: string; readonly model: string; readonly train?: Source },
  progress: Progress,
): Promise<Spread | null> {
  if (queue === undefined) {
    if (shardSize !== undefined || store !== "/" || overHttp)
      throw new RequestError("--shard-size, --store and --over-http are of use with --queue alone; leave them out.");
    return null;
  }
  // Loaded here, so that nobody else waits for it.
  const { openSpread } = await import("../cluster/index.js");
  const { command, model, train } = about;
  const dataOf = (source: Source) =>
    ({ path: data, split: source === train ? "train" : "val", ...(labels !== undefined && { labels }) }) as const;
  const shared = { root: store, overHttp, shardSize, command, model, device, progress, dataOf };
  return openSpread({ queue: queueAddress(queue), ...shared });
}
