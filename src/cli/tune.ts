import { Option } from "commander";
import { openSplits } from "../data/index.js";
import { RECIPE_NAMES, SELECT_ON, TUNE_DEFAULTS, type TuneEvent, tune } from "../fixres/index.js";
import { expectedClasses } from "../models/index.js";
import { type CacheOptions, cacheOf, withCache } from "./cache-options.js";
import * as cli from "./options.js";
import { SHOWN, TUNED, type TuneCommandOptions, tuneOptions, withTuning } from "./tune-options.js";

type Options = cli.EngineOptions &
  cli.PreprocessingOptions &
  cli.DataOptions &
  CacheOptions &
  TuneCommandOptions & { readonly out: string };

const base = cli.command(
  "tune",
  "The method: fine-tune the last layers at a test resolution, and say what it gained.",
  [
    "fixres tune models/b0 --data pictures --resolution 320 --out models/b0-fixed",
    "fixres tune models/b0 --data pictures --resolution 320 --tune classifier --epochs 10 --out models/b0-fixed",
    "fixres tune models/b0 --data pictures --resolution 320 --recipe test+ --views 4 --select-on holdout --out models/b0-fixed",
  ],
);
const common = cli
  .withPreprocessing(cli.withData(cli.withEngine(base), { parts: true }))
  .argument("<model>", cli.MODEL)
  .requiredOption("--out <dir>", "model directory to write")
  .option("--tune <what>", TUNED, TUNE_DEFAULTS.mode)
  .addOption(new Option("--recipe <name>", SHOWN).choices(RECIPE_NAMES).default(TUNE_DEFAULTS.recipe));

export const tuneCommand = withCache(withTuning(common, SELECT_ON)).action(
  async (directory: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const data = await openSplits(options.data, { ...options, classes: expectedClasses(model) });
    [...data.train.notes, ...data.val.notes].forEach(progress.note);
    const preprocessing = cli.resolvedPreprocessing(model, options, progress, { tuning: true });
    const found = await tune(model, data, tuneOptions(options, preprocessing, data.train.samples.length), {
      directory: options.out,
      device: options.device,
      threads: options.threads,
      cache: cacheOf(options),
      signal,
      progress,
      onEvent: (event) => tell(event, progress.note),
    });
    const { before, after, ...rest } = found;
    const result = { ...rest, before: before.top1, after: after.top1, beforeMetrics: before, afterMetrics: after };
    cli.print(options.json, result, () =>
      [
        `before: top-1 ${cli.percent(before.top1)} (95%: ${cli.interval(before.ci95)}), loss ${before.loss.toFixed(4)}`,
        `after:  top-1 ${cli.percent(after.top1)} (95%: ${cli.interval(after.ci95)}), loss ${after.loss.toFixed(4)}`,
        ...(found.selection?.optimistic ? ["optimistic: the same pictures have chosen the epoch and measured it"] : []),
        `gain:   ${cli.points(found.gain, found.ci95)}, ${cli.pValue(found.pValue)} (McNemar; ${found.gained} pictures gained, ${found.lost} lost of ${found.n})`,
        ...(found.solved
          ? [`strength ${found.solved.strength}, chosen on ${found.solved.heldOutRows} pictures held back`]
          : []),
        `${found.model}, in ${found.seconds.toFixed(1)} s${cli.badPictures(found.bad, options.onBadImage)}`,
      ].join("\n"),
    );
  },
);

/** What one would not want to wait for. */
function tell(event: TuneEvent, note: (text: string) => void): void {
  if (event.kind === "evaluated" && event.when === "before") note(`before: top-1 ${cli.percent(event.accuracy.top1)}`);
  if (event.kind === "chosen")
    note(`epoch ${event.epoch} is chosen on ${event.on}: top-1 ${cli.percent(event.judged.top1)}`);
}
