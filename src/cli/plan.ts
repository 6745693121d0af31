import { MEASURE_SECONDS, plan } from "../fixres/index.js";
import * as cli from "./options.js";
import { planText } from "./plan-text.js";
import { withQueue } from "./queue-options.js";
import { openTuning, type TuningOptions, withTune } from "./tune-options.js";

type Options = TuningOptions & { readonly all?: boolean; readonly measure: number; readonly workers?: number };

const base = cli.command(
  "plan",
  "Say what tune would do with the same options: what is trained, what is cached, how long it takes and in how much memory.",
  [
    "fixres plan models/b0 --data pictures --resolution 320",
    "fixres plan models/b0 --data pictures --resolution 320 --tune last:2 --all",
    "fixres plan models/b0 --data pictures --resolution 320 --workers 40",
  ],
);

/** A plan is made here, whoever will do the work. */
const NOBODY = { queue: undefined, shardSize: undefined, store: undefined, overHttp: undefined };

export const planCommand = withQueue(withTune(base))
  .option("--all", "list frozen tensors one by one")
  .option("--measure <seconds>", "how long to measure", cli.positiveNumber, MEASURE_SECONDS)
  .option(
    "--workers <n>",
    "predict the same on a queue with so many workers like this machine, and on ImageNet's pictures",
    cli.positiveInteger,
  )
  .action(async (path: string, options: Options) => {
    const { model, data, tuning, surroundings } = await openTuning(path, { ...options, ...NOBODY });
    const found = await plan(model, data, tuning, { ...surroundings, measureSeconds: options.measure });
    const { workers, shardSize } = options;
    const shown = { ...found, model: path, architecture: found.model };
    if (workers === undefined) return cli.print(options.json, shown, () => planText(found, options));
    // Loaded here, so that nobody else waits for it.
    const { plannedQueue, queueText } = await import("./plan-queue.js");
    const queue = await plannedQueue(found, data, { workers, shardSize });
    cli.print(options.json, { ...shown, queue }, () => `${planText(found, options)}\n\n${queueText(queue)}`);
  });
