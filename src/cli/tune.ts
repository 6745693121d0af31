import { tune } from "../fixres/index.js";
import * as cli from "./options.js";
import { openTuning, type TuningOptions, withTuning } from "./tune-options.js";

interface Options extends TuningOptions {
  readonly out: string;
}

const base = cli.command(
  "tune",
  "The method: fine-tune the last layers at a test resolution, and say what it gained.",
  [
    "fixres tune models/b0 --data pictures --resolution 320 --out models/b0-fixed",
    "fixres tune models/b0 --data pictures --resolution 320 --tune classifier --epochs 10 --out models/b0-fixed",
  ],
);

export const tuneCommand = withTuning(base)
  .requiredOption("--out <dir>", "model directory to write")
  .action(async (path: string, options: Options) => {
    const { model, data, recipe, surroundings } = await openTuning(path, options);
    const found = await tune(model, data, recipe, { ...surroundings, directory: options.out });
    const { before, after, ...rest } = found;
    const result = { ...rest, before: before.top1, after: after.top1, beforeMetrics: before, afterMetrics: after };
    cli.print(options.json, result, () =>
      [
        `before: top-1 ${cli.percent(before.top1)} (95%: ${cli.interval(before.ci95)}), loss ${before.loss.toFixed(4)}`,
        `after:  top-1 ${cli.percent(after.top1)} (95%: ${cli.interval(after.ci95)}), loss ${after.loss.toFixed(4)}`,
        ...(found.selection?.optimistic ? ["optimistic: the same pictures have chosen the epoch and measured it"] : []),
        `gain:   ${cli.points(found.gain, found.ci95)}, ${cli.pValue(found.pValue)} (McNemar; ${found.gained} pictures gained, ${found.lost} lost of ${found.n})`,
        `${found.model}, in ${found.seconds.toFixed(1)} s${cli.badPictures(found.bad, options.onBadImage)}`,
      ].join("\n"),
    );
  });
