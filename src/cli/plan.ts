import { MEASURE_SECONDS, plan } from "../fixres/index.js";
import * as cli from "./options.js";
import { planText } from "./plan-text.js";
import { openTuning, type TuningOptions, withTune } from "./tune-options.js";

type Options = TuningOptions & { readonly all?: boolean; readonly measure: number };

const base = cli.command(
  "plan",
  "Say what tune would do with the same options: what is trained, what is cached, how long it takes and in how much memory.",
  [
    "fixres plan models/b0 --data pictures --resolution 320",
    "fixres plan models/b0 --data pictures --resolution 320 --tune last:2 --all",
  ],
);

export const planCommand = withTune(base)
  .option("--all", "list frozen tensors one by one")
  .option("--measure <seconds>", "how long to measure", cli.positiveNumber, MEASURE_SECONDS)
  .action(async (path: string, options: Options) => {
    const { model, data, tuning, surroundings } = await openTuning(path, options);
    const found = await plan(model, data, tuning, { ...surroundings, measureSeconds: options.measure });
    cli.print(options.json, { ...found, model: path, architecture: found.model }, () => planText(found, options));
  });
