import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { checkClasses, openSplits, type Splits } from "../data/index.js";
import { RequestError } from "../errors.js";
import {
  ARCHITECTURES,
  architecture,
  type EfficientNet,
  expectedClasses,
  freshModel,
  isEfficientNet,
  loadModel,
} from "../models/index.js";
import type { Progress } from "../progress.js";
import { recorded } from "../report/index.js";
import {
  configOf,
  type FoundRate,
  findLearningRate,
  forClasses,
  loadConfig,
  normalizedFor,
  type RunConfig,
  recipe,
  resolvedOptions,
  type TrainOptions,
  type TrainResult,
  train,
} from "../train/index.js";
import * as cli from "./options.js";
import { runStart } from "./recording.js";
import { table } from "./table.js";
import { type TrainCommandOptions, withTrainOptions } from "./train-options.js";
import { openRoundsOf, roundsAsked } from "./train-queue.js";
import { absolute, checkStudents, numbersOf, runStudents, studentsOf, studentsText } from "./train-students.js";

const base = cli.command("train", "Train a network from scratch, or on from a model. A run that was stopped goes on.", [
  "fixres train efficientnet_b0 --data pictures --resolution 224 --epochs 30 --out runs/b0",
  "fixres train efficientnet_b0 --recipe efficientnet --data imagenet --batch-size 256 --out runs/paper",
  "fixres train --from models/b0 --freeze stem,blocks.0-3 --data flowers --learning-rate 0.01 --out runs/flowers",
  "fixres train efficientnet_b0 --recipe noisy-student --data pictures --teacher models/b0 --unlabelled others --out runs/ns",
  "fixres train efficientnet_b0 --data pictures --resolution 64 --find-lr",
  "fixres train efficientnet_b0 --recipe advprop --data pictures --out runs/advprop",
  "fixres train --resume runs/b0",
]);

export const trainCommand = cli
  .withExifOrientation(cli.withSelfCheck(cli.withEngine(withTrainOptions(base))))
  .action(async (name: string | undefined, typed: TrainCommandOptions, command: Command) => {
    const { progress, signal } = cli.surroundings();
    const config = await earlierConfig(typed);
    const student = studentsOf(typed, config);
    const first = typed.from === undefined ? typed.student?.[0] : undefined;
    const { request, out } = requestOf(name ?? first, typed, config);
    const data = await openSplits(request.data);
    [...data.train.notes, ...data.val.notes].forEach(progress.note);
    const { seed } = { seed: config?.options.seed ?? 0, ...typed };
    const start = await startingPoint(request, data, seed, progress);
    const options = resolvedOptions(
      typed.recipe === undefined ? (config?.options ?? {}) : await recipe(typed.recipe),
      givenOptions(typed, command),
      { arch: start.arch, resolution: start.input.resolution, pictures: data.train.samples.length },
    );
    const inRounds = roundsAsked(typed, options);
    const model = normalizedFor(start, options);
    const { device, threads } = typed;
    const surroundings = {
      device,
      threads,
      selfCheck: typed.selfCheck,
      recompute: typed.recompute,
      cacheBytes: typed.cacheMemory * 2 ** 30,
      signal,
      progress,
    };
    const { resolution = options.resolution, ...test } = request.test;
    const preprocessing = cli.resolvedPreprocessing(model, { resolution, ...test }, progress);
    if (typed.findLr !== undefined) {
      const steps = typed.findLr === true ? undefined : typed.findLr;
      const { exifOrientation } = preprocessing;
      const found = await findLearningRate(model, data, options, { ...surroundings, steps, exifOrientation });
      cli.print(typed.json, found, () => ratesText(found));
      return;
    }
    checkStudents(student, options);
    const asked = { format: "fixres-config-1" as const, ...anywhere({ ...request, student }), options };
    const place = { ...surroundings, directory: out!, config: asked };
    const { data: where, ...what } = anywhere(request);
    const settings = { ...what, data: where, test: preprocessing, ...options, device, threads };
    if (student !== undefined) {
      const start = (own = request.model, seed = 0) =>
        startingPoint(
          { ...request, model: own, from: own === undefined ? request.from : undefined },
          data,
          seed,
          progress,
        );
      const students = { request: absolute(student), data, start, options, test: preprocessing };
      const found = await runStudents(students, settings, place);
      cli.print(typed.json, found, () => studentsText(found));
      return;
    }
    const begun = runStart("train", out, {
      ...{ settings, model, files: FILES },
      ...{ resolutions: [preprocessing.resolution], trainResolution: options.resolution },
    });
    const { train: pictures } = data;
    const spread = { directory: out!, model, train: pictures, data: where, options, test: preprocessing };
    const rounds = await openRoundsOf(inRounds, { ...spread, device, progress });
    const found = await recorded(begun, { progress, signal }, (run) =>
      train(model, data, options, preprocessing, {
        ...place,
        rounds,
        progress: run.progress,
        onEpoch: (epoch) => run.epoch(numbersOf(epoch)),
      }),
    ).finally(() => rounds?.close());
    cli.print(typed.json, found, () => resultText(found));
  });

/** What a run leaves in its folder. */
const FILES = { config: "config.json", metrics: "metrics.csv", model: "model", best: "best" };

type Request = Omit<RunConfig, "format" | "options">;

/** The configuration that `--config` or `--resume` names. */
async function earlierConfig({ config, resume, recipe }: TrainCommandOptions): Promise<RunConfig | null> {
  if (config !== undefined && resume !== undefined)
    throw new RequestError("--config and --resume both name a configuration; give one of them.");
  if (resume !== undefined && recipe !== undefined)
    throw new RequestError(
      "--resume goes on with a run as it was started; leave out --recipe, or begin another with --config.",
    );
  const file = resume === undefined ? config : configOf(resume);
  return file === undefined ? null : loadConfig(file);
}

/** What is to be trained on what, from the command line before the configuration. */
function requestOf(
  name: string | undefined,
  typed: TrainCommandOptions,
  config: RunConfig | null,
): { request: Request; out: string | undefined } {
  const { resume, out = resume, findLr } = typed;
  if (resume !== undefined && resolve(out!) !== resolve(resume))
    throw new RequestError(`--resume goes on in "${resume}", but --out is "${out}"; leave one of them out.`);
  const data = typed.data ?? config?.data;
  if (data === undefined) throw new RequestError("there are no pictures to train by; give --data.");
  if (out === undefined && findLr === undefined)
    throw new RequestError("there is no place for the run; give --out, or --resume for one that is there.");
  const chosen = name !== undefined || typed.from !== undefined;
  if (name !== undefined && typed.from !== undefined)
    throw new RequestError(`both "${name}" and --from "${typed.from}" are to be trained; give one of them.`);
  const model = chosen ? name : config?.model;
  const from = chosen ? typed.from : config?.from;
  if (model === undefined && from === undefined)
    throw new RequestError(
      "there is no network to train; give an architecture, such as efficientnet_b0, or --from a model.",
    );
  const earlier = chosen ? undefined : config;
  return {
    out,
    request: {
      model,
      from,
      width: typed.width ?? earlier?.width,
      depth: typed.depth ?? earlier?.depth,
      data,
      test: {
        resolution: typed.testResolution ?? config?.test.resolution,
        cropRatio: typed.cropRatio ?? config?.test.cropRatio,
        interpolation: typed.interpolation ?? config?.test.interpolation,
        exifOrientation: typed.exifOrientation ?? config?.test.exifOrientation,
      },
    },
  };
}

/** The request as it holds from any folder. */
function anywhere(request: Request): Request {
  const { model, from, data, student } = request;
  return {
    ...request,
    student: student && absolute(student),
    model: model !== undefined && !ARCHITECTURES.includes(model) ? resolve(model) : model,
    from: from === undefined ? undefined : resolve(from),
    data: resolve(data),
  };
}

/** The model to begin with: a fresh one of an architecture, one to train on from, or one with a fresh classifier. */
async function startingPoint(request: Request, data: Splits, seed: number, progress: Progress): Promise<EfficientNet> {
  const { model: name, from, width, depth } = request;
  const { classes } = data.train;
  const checkShape = (path: string): void => {
    if ((width ?? depth) === undefined) return;
    throw new RequestError(`"${path}" is a model, which has its width and depth; leave out --width and --depth.`);
  };
  if (from !== undefined) {
    checkShape(from);
    const model = forClasses(await trainable(from), classes, seed);
    if (model.provenance.at(-1)?.part !== undefined)
      progress.note(`"${from}" gets a fresh classifier for the ${classes.length} classes of "${request.data}"`);
    return model;
  }
  const isThere = (await stat(name!).catch(() => null)) !== null;
  if (ARCHITECTURES.includes(name!) || !isThere)
    return freshModel(architecture(name!, { width, depth }), classes, seed);
  checkShape(name!);
  const model = await trainable(name!);
  checkClasses(data.train, expectedClasses(model));
  // A model that was only initialised knows how many classes it has, not their names.
  return { ...model, classes };
}

async function trainable(path: string): Promise<EfficientNet> {
  const model = await loadModel(path);
  if (isEfficientNet(model)) return model;
  throw new RequestError(`"${path}" is an ONNX network of another family; it can be tuned (fixres tune), not trained.`);
}

/** What the command line says of the options of a run, among others. */
function givenOptions(typed: TrainCommandOptions, command: Command): Partial<TrainOptions> {
  const { resolution = [], interpolation, trainInterpolation = interpolation, onBadImage, ...rest } = typed;
  // A configuration may have another action than the command's default.
  const action = command.getOptionValueSource("onBadImage") === "default" ? {} : { onBadImage };
  const last = resolution.at(-1);
  const resolutions = last === undefined ? {} : { resolution: last, earlierResolutions: resolution.slice(0, -1) };
  return { ...rest, ...resolutions, ...action, interpolation: trainInterpolation };
}

function resultText({ epochs, best, model, kept }: TrainResult): string {
  const rows = epochs.map((row) => [
    String(row.epoch),
    row.trainLoss.toFixed(4),
    cli.percent(row.trainTop1),
    row.val.loss.toFixed(4),
    cli.percent(row.val.top1),
    cli.interval(row.val.ci95),
  ]);
  return [
    table(["epoch", "train loss", "train top-1", "val loss", "val top-1", "95% interval"], rows),
    `best: epoch ${best.epoch}, top-1 ${cli.percent(best.top1)} (${best.model}); last: ${model}`,
    ...(kept.length > 0 ? [`kept: ${kept.map((one) => one.model).join(", ")}`] : []),
  ].join("\n");
}

/** A line for about every twentieth part of the ramp. */
function ratesText({ points, lowest, suggestion }: FoundRate): string {
  const every = Math.max(1, Math.floor(points.length / 20));
  const shown = points.filter((_, i) => i % every === 0 || i === points.length - 1);
  const rows = shown.map((point) => [short(point.learningRate), point.loss.toFixed(4), point.smoothed.toFixed(4)]);
  return [
    table(["learning rate", "loss", "smoothed"], rows),
    `try --learning-rate ${short(suggestion)}, a tenth of ${short(lowest)}, where the smoothed loss is lowest`,
  ].join("\n");
}

const short = (rate: number): string => String(Number(rate.toPrecision(3)));
