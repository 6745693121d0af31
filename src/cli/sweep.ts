import { RequestError } from "../errors.js";
import { sweep, type TuneModeName } from "../fixres/index.js";
import { recorded } from "../report/index.js";
import * as cli from "./options.js";
import { openQueueOf, type QueueOptions, withQueue } from "./queue-options.js";
import { runStart, withRun } from "./recording.js";
import { type CandidateOptions, sweepTuned, withCandidates } from "./sweep-tuned.js";
import { table } from "./table.js";

type Options = cli.EngineOptions &
  QueueOptions &
  cli.PreprocessingOptions &
  cli.DataOptions & { readonly resolutions: number[]; readonly tune?: TuneModeName | true; readonly run?: string };

const base = cli.command(
  "sweep",
  "Measure accuracy at several test resolutions; with --tune, tune at each and choose the best.",
  [
    "fixres sweep models/b0 --data pictures --resolutions 192,224,256,288,320",
    "fixres sweep models/b0 --data pictures --resolutions 192,224,256,288,320 --tune --max-latency 20 --out models/b0-fixed",
    "fixres sweep models/b0 --data pictures --resolutions 256,320 --tune classifier+bn --recipes test,test+ --views 4",
  ],
);

const common = withQueue(withRun(cli.withPreprocessing(cli.withData(cli.withEngine(base)))))
  .argument("<model>", cli.MODEL)
  .requiredOption("--resolutions <list>", "resolutions in px, separated by commas", cli.integers);

export const sweepCommand = withCandidates(common).action(
  async (directory: string, options: Options & CandidateOptions) => {
    if (options.tune !== undefined) return sweepTuned(directory, { ...options, tune: options.tune });
    if (options.out !== undefined) throw new RequestError("a sweep leaves no model; give --tune as well, or no --out.");
    const { progress, signal } = cli.surroundings();
    const model = await cli.openModel(directory, options, progress);
    const source = await cli.openTest(options, model, progress);
    const { device, threads, batchSize, onBadImage, resolutions, json } = options;
    const preprocessing = cli.resolvedPreprocessing(model, { ...options, resolution: resolutions[0] }, progress);
    const engine = { device, threads, batchSize, onBadImage };
    const { resolution: _, ...others } = preprocessing;
    const settings = { model: directory, data: options.data, resolutions, preprocessing: others, ...engine };
    const start = runStart("sweep", options.run, { settings, model, resolutions });
    const queue = await openQueueOf(options, { command: "sweep", model: directory }, progress);
    const work = { preprocessing, resolutions, ...engine, signal, elsewhere: queue?.score };
    const found = await recorded(start, { progress, signal }, async (run) => ({
      model: directory,
      rows: await sweep(model, source, { ...work, progress: run.progress }),
    })).finally(() => queue?.close());
    const { rows } = found;
    cli.print(json, found, () =>
      table(
        ["resolution", "top-1", "95% interval", "top-5", "loss", "pictures", "pictures/s"],
        rows.map((row) => [
          String(row.resolution),
          cli.percent(row.top1),
          cli.interval(row.ci95),
          cli.percent(row.top5),
          row.loss.toFixed(4),
          String(row.n),
          row.imagesPerSecond.toFixed(1),
        ]),
      ).concat(cli.badPictures(rows[0]!.bad, options.onBadImage)),
    );
  },
);
