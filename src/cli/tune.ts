import { type TuneEvent, tune } from "../fixres/index.js";
import { type Recording, recorded } from "../report/index.js";
import * as cli from "./options.js";
import { withQueue } from "./queue-options.js";
import { runStart } from "./recording.js";
import { openTuning, type TuningOptions, withTune } from "./tune-options.js";

const base = cli.command(
  "tune",
  "The method: fine-tune the last layers at a test resolution, and say what it gained.",
  [
    "fixres tune models/b0 --data pictures --resolution 320 --out models/b0-fixed",
    "fixres tune models/b0 --data pictures --resolution 320 --tune classifier --epochs 10 --out models/b0-fixed",
    "fixres tune models/b0 --data pictures --resolution 320 --recipe test+ --views 4 --select-on holdout --out models/b0-fixed",
  ],
);
export const tuneCommand = withQueue(withTune(base))
  .requiredOption("--out <dir>", "model directory to write")
  .action(async (path: string, options: TuningOptions & { readonly out: string }) => {
    const { model, data, tuning, queue, surroundings } = await openTuning(path, options);
    const { device, threads } = surroundings;
    const start = runStart("tune", options.out, {
      settings: { model: path, data: options.data, ...tuning, device, threads },
      ...{ model, resolutions: [tuning.preprocessing.resolution], files: FILES },
    });
    const found = await recorded(start, surroundings, async (run) => {
      const onEvent = (event: TuneEvent): void => {
        tell(event, surroundings.progress.note);
        record(event, run);
      };
      const { progress } = run;
      const { before, after, ...rest } = await tune(model, data, tuning, {
        ...surroundings,
        ...{ progress, directory: options.out, onEvent },
      });
      return { ...rest, before: before.top1, after: after.top1, beforeMetrics: before, afterMetrics: after };
    }).finally(() => queue?.close());
    const { beforeMetrics: before, afterMetrics: after } = found;
    cli.print(options.json, found, () =>
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
  });

/** What a tuning leaves in its folder, which is the model's too. */
const FILES = { model: ".", before: "evaluations/before", after: "evaluations/after" };

/** What epochs that were tried came to on the pictures that choose, and those that made the model in training. */
function record(event: TuneEvent, run: Recording): void {
  if (event.kind !== "epoch") return;
  const { epoch, judged, loss } = event;
  if (judged !== null) run.epoch({ epoch, judgedLoss: judged.loss, judgedTop1: judged.top1 });
  run.epoch(event.stage === "tune" ? { epoch, trainLoss: loss } : { epoch, triedLoss: loss });
}

/** What one would not want to wait for. */
function tell(event: TuneEvent, note: (text: string) => void): void {
  if (event.kind === "evaluated" && event.when === "before") note(`before: top-1 ${cli.percent(event.accuracy.top1)}`);
  if (event.kind === "chosen")
    note(`epoch ${event.epoch} is chosen on ${event.on}: top-1 ${cli.percent(event.judged.top1)}`);
}
