import { join } from "node:path";
import { z } from "zod";
import {
  type OnBadImage,
  openSplit,
  openSplits,
  type Source,
  type Splits,
  type TestPreprocessing,
} from "../../data/index.js";
import { RequestError } from "../../errors.js";
import {
  describePreprocessing,
  type EvaluateOptions,
  evaluateInto,
  isRecord,
  type Labelled,
  type PairedGain,
  type Protocol,
  type PublishedRow,
  pairedGain,
  protocolOf,
  type Rescored,
  readRealLabels,
  readRecord,
  rescored,
  scoresOf,
  testPreprocessing,
  underRealLabels,
} from "../../evaluate/index.js";
import { exists, makeFolder, readJson, writeFileAtomic } from "../../files.js";
import {
  architecture,
  expectedClasses,
  IMAGENET_IDS,
  isOnnxNetwork,
  loadModel,
  type Model,
  publishedWeights,
} from "../../models/index.js";
import { type Progress, silent } from "../../progress.js";
import { sourceHash } from "../../train/index.js";
import { type TuneOptions, tuneDefaults } from "../options.js";
import type { RecipeName } from "../recipes.js";
import { type TuneSurroundings, tune } from "../tune.js";
import type { Preset } from "./presets.js";
import { startingModel } from "./starting.js";

/** The crop ratio of the method, whatever the resolution (arXiv 1906.06423, section 3.2). */
const CROP_RATIO = 224 / 256;

/** Where the pictures are. */
export interface ReproduceData {
  /** ImageNet: `train/` and `val/`, in any form (docs/DATA.md). */
  readonly imagenet: string;
  /** ReaL's labels, for the pictures of `val/`. */
  readonly real?: string;
  /** ImageNet-V2, matched frequency. */
  readonly v2?: string;
}

/** What may differ from the preset. */
export interface ReproduceOptions {
  readonly recipe?: RecipeName;
  /** Whose resize is used in tuning and after. */
  readonly transform?: Preset["transform"];
  /** Draws of a random recipe that are kept and take turns; none unless given. */
  readonly views?: number;
  /** Epochs of tuning; the recipe's unless given. */
  readonly epochs?: number;
  /** Pictures a step of tuning. */
  readonly batchSize?: number;
  readonly seed?: number;
  /** What features of training pictures are kept as. */
  readonly cacheType?: TuneOptions["cacheType"];
  readonly onBadImage?: OnBadImage;
}

export interface ReproduceSurroundings extends Omit<TuneSurroundings, "directory"> {
  /** Where everything goes; what an earlier run has finished there is not done again. */
  readonly directory: string;
  /** A file of the preset's weights, or a model directory, instead of the hub's. */
  readonly weights?: string;
  /** Whether the network is left alone. */
  readonly offline?: boolean;
}

/** One of the three networks that are compared: as published, at the preset's resolution, and tuned there. */
export const STEPS = ["before", "at-resolution", "after"] as const;
export type Step = (typeof STEPS)[number];

/** A measured result beside the published one. */
export interface ReproducedRow {
  readonly protocol: Protocol;
  readonly step: Step;
  readonly resolution: number;
  readonly measured: Omit<Rescored, "correct">;
  /** null where nobody published one: of untuned weights at another resolution there is none. */
  readonly published: PublishedRow | null;
}

/** What tuning gained on the same pictures. */
export interface ReproducedGain {
  readonly protocol: Protocol;
  /** Over the untuned network at its own resolution, and at the preset's. */
  readonly total: PairedGain;
  readonly tuning: PairedGain;
  /** What the published rows gained in top-1; null where one of them is missing. */
  readonly published: number | null;
}

export interface Reproduction {
  readonly preset: string;
  readonly weights: string;
  /** Directory of the tuned model. */
  readonly model: string;
  readonly resolution: number;
  readonly recipe: RecipeName;
  readonly preprocessing: TestPreprocessing;
  readonly rows: readonly ReproducedRow[];
  readonly gains: readonly ReproducedGain[];
  /** What a reader should know before comparing. */
  readonly notes: readonly string[];
}

/** What a directory was begun with; it goes on only with the same. */
const Begun = z.looseObject({
  format: z.literal("fixres-reproduction-1"),
  settings: z.record(z.string(), z.unknown()),
});

/**
 * A whole experiment of FixEfficientNet's: the weights are imported and tested at their own resolution and at the preset's, tuned
 * there, and tested again, on ImageNet's validation set by its own labels and ReaL's, and on ImageNet-V2. What is finished stays
 * in the directory, so that the same call goes on where an earlier one was stopped. Sets may be added later.
 * @throws {RequestError} where the directory was begun with other options, which are named
 */
export async function reproduce(
  preset: Preset,
  data: ReproduceData,
  options: ReproduceOptions,
  surroundings: ReproduceSurroundings,
): Promise<Reproduction> {
  const { directory, weights, offline, signal, progress = silent } = surroundings;
  const name = options.recipe ?? preset.recipe;
  await makeFolder(directory);
  const start = await startingModel(preset.weights, join(directory, "model"), {
    from: weights,
    offline,
    progress,
    signal,
  });
  const other = isPublished(start, preset)
    ? []
    : [`the network is another than ${preset.weights}: published numbers are not of it`];
  other.forEach(progress.note);
  const tuning = tuneOptions(preset, start, name, options);
  const sets = await openSets(start, data, progress);
  await assertSame(directory, {
    preset: preset.name,
    weights: start.provenance,
    ...tuning,
    train: sourceHash(sets.imagenet.train),
    val: sourceHash(sets.imagenet.val),
  });
  const experiment = new Experiment(start, sets, tuning, surroundings);
  const scores = await experiment.run();
  const { preprocessing } = tuning;
  const resolutions = { before: start.input.resolution, "at-resolution": preset.resolution, after: preset.resolution };
  const rows = scores.flatMap(({ protocol, found }) =>
    STEPS.map((step): ReproducedRow => {
      const { correct: _, ...measured } = found[step];
      const published = step === "at-resolution" ? null : (preset.published[step][protocol] ?? null);
      return { protocol, step, resolution: resolutions[step], measured, published };
    }),
  );
  return {
    preset: preset.name,
    weights: preset.weights,
    model: experiment.tuned,
    resolution: preset.resolution,
    recipe: name,
    preprocessing,
    rows,
    gains: scores.map(({ protocol, found }) => gainOf(preset, protocol, found)),
    notes: [...other, ...sets.notes, ...experiment.notes],
  };
}

/** Whether a model is of the architecture and classes that the preset's weights are of. */
function isPublished({ arch, classes }: Model, { weights }: Preset): boolean {
  if (isOnnxNetwork(arch)) return false;
  const { name, width, depth } = architecture(publishedWeights(weights).architecture);
  return arch.name === name && arch.width === width && arch.depth === depth && classes.length === IMAGENET_IDS.length;
}

function tuneOptions(preset: Preset, model: Model, name: RecipeName, options: ReproduceOptions): TuneOptions {
  const defaults = tuneDefaults(name);
  const transform = options.transform ?? preset.transform;
  const resize = transform === "fixres-official" ? { transform } : { transform, cropRatio: CROP_RATIO };
  return {
    ...defaults,
    epochs: options.epochs ?? defaults.epochs,
    views: options.views ?? defaults.views,
    batchSize: options.batchSize ?? defaults.batchSize,
    seed: options.seed ?? defaults.seed,
    cacheType: options.cacheType ?? defaults.cacheType,
    onBadImage: options.onBadImage ?? defaults.onBadImage,
    mode: preset.mode,
    preprocessing: testPreprocessing(model.input, { resolution: preset.resolution, ...resize }),
  };
}

/** The data sets, all of which are opened before anything is computed. */
interface Sets {
  readonly imagenet: Splits;
  readonly real: Labelled | null;
  readonly v2: Source | null;
  readonly notes: readonly string[];
}

async function openSets(model: Model, { imagenet, real, v2 }: ReproduceData, progress: Progress): Promise<Sets> {
  const classes = expectedClasses(model);
  const splits = await openSplits(imagenet, { classes });
  const matched = v2 === undefined ? null : await openSplit(v2, "val", { classes, subset: true });
  for (const source of [splits.train, splits.val, matched]) source?.notes.forEach(progress.note);
  const labelled = real === undefined ? null : underRealLabels(splits.val, await readRealLabels(real));
  const notes: string[] = [];
  if (labelled !== null && labelled.leftOut > 0)
    notes.push(`${labelled.leftOut} pictures have no ReaL label and are left out there`);
  if (protocolOf(splits.val, "folders") !== "imagenet-val")
    notes.push(
      `"${splits.val.name}" is not named as ImageNet's validation set: published numbers are of other pictures`,
    );
  if (matched !== null && protocolOf(matched, "folders") !== "imagenet-v2")
    notes.push(`"${matched.name}" is not named as ImageNet-V2: published numbers are of other pictures`);
  notes.forEach(progress.note);
  return { imagenet: splits, real: labelled, v2: matched, notes };
}

/** @throws {RequestError} naming each setting that is not what it was */
async function assertSame(directory: string, now: Readonly<Record<string, unknown>>): Promise<void> {
  const path = join(directory, "settings.json");
  const settings: Record<string, unknown> = JSON.parse(JSON.stringify(now));
  if (!(await exists(path))) {
    await writeFileAtomic(path, `${JSON.stringify({ format: "fixres-reproduction-1", settings }, null, 2)}\n`);
    return;
  }
  const { settings: then } = await readJson(path, Begun, "reproduction");
  const text = (value: unknown): string => JSON.stringify(value);
  const changed = Object.keys(settings)
    .filter((key) => text(then[key]) !== text(settings[key]))
    .map((key) =>
      ["weights", "preprocessing"].includes(key)
        ? `${key} differ${key === "weights" ? "" : "s"}`
        : `${key} was ${text(then[key])}, is ${text(settings[key])}`,
    );
  if (changed.length > 0)
    throw new RequestError(
      `"${directory}" was begun with other settings: ${changed.join("; ")}. Give the same ones to go on with it, or another --out.`,
    );
}

type Found = Readonly<Record<Step, Rescored>>;

/** The parts of an experiment, each of which leaves what it finds. */
class Experiment {
  readonly tuned: string;
  readonly notes: string[] = [];
  private readonly progress: Progress;

  constructor(
    private readonly start: Model,
    private readonly sets: Sets,
    private readonly options: TuneOptions,
    private readonly surroundings: ReproduceSurroundings,
  ) {
    this.tuned = join(surroundings.directory, "tuned");
    this.progress = surroundings.progress ?? silent;
  }

  async run(): Promise<{ protocol: Protocol; found: Found }[]> {
    const { start, options } = this;
    const { imagenet, real, v2 } = this.sets;
    const own = testPreprocessing(start.input);
    const before = await this.evaluated("before", start, imagenet.val, own);
    const early = v2 && {
      before: await this.evaluated("before-v2", start, v2, own),
      "at-resolution": await this.evaluated("at-resolution-v2", start, v2, options.preprocessing),
    };
    await this.tune();
    // What tune has tested on the way: the same pictures, before and after, at the new resolution.
    const kept = (name: string) => readRecord(join(this.tuned, "evaluations", name));
    const records = { before, "at-resolution": await kept("before"), after: await kept("after") };
    const scored: { protocol: Protocol; found: Found }[] = [
      { protocol: "imagenet-val", found: each(records, scoresOf) },
    ];
    if (real) scored.push({ protocol: "imagenet-real", found: each(records, (record) => rescored(record, real)) });
    if (v2 && early) {
      const tuned = await loadModel(this.tuned);
      const after = await this.evaluated("after-v2", tuned, v2, options.preprocessing);
      scored.push({ protocol: "imagenet-v2", found: each({ ...early, after }, scoresOf) });
    }
    return scored;
  }

  /** An evaluation with its record, which is taken up where an earlier run left it. */
  private async evaluated(name: string, model: Model, source: Source, preprocessing: TestPreprocessing) {
    const { directory, device, threads, signal } = this.surroundings;
    const { onBadImage } = this.options;
    const path = join(directory, "evaluations", name);
    const all: EvaluateOptions = {
      preprocessing,
      device,
      threads,
      onBadImage,
      signal,
      progress: this.progress,
      task: name,
    };
    this.progress.note(`${name}: ${describePreprocessing(preprocessing, model.input)}`);
    const { notes, bad } = await evaluateInto(path, name, model, source, all);
    const unread = bad.length === 0 ? [] : [`${bad.length} pictures could not be read and are left out`];
    const said = [...notes, ...unread].map((note) => `${name}: ${note}`);
    said.forEach(this.progress.note);
    this.notes.push(...said);
    return readRecord(path);
  }

  /** Done where the record of its last test is complete. */
  private async tune(): Promise<void> {
    const { directory: _, weights: __, offline: ___, ...rest } = this.surroundings;
    if (await isRecord(join(this.tuned, "evaluations", "after"))) {
      this.progress.note(`"${this.tuned}" is tuned already`);
      return;
    }
    const { epochs, mode, preprocessing } = this.options;
    this.progress.note(`tune: ${mode}, ${epochs} epochs, ${describePreprocessing(preprocessing, this.start.input)}`);
    await tune(this.start, this.sets.imagenet, this.options, { ...rest, directory: this.tuned });
  }
}

const each = <T>(of: Readonly<Record<Step, T>>, judge: (one: T) => Rescored): Found => ({
  before: judge(of.before),
  "at-resolution": judge(of["at-resolution"]),
  after: judge(of.after),
});

function gainOf({ published }: Preset, protocol: Protocol, found: Found): ReproducedGain {
  const [base, fixed] = [published.before[protocol], published.after[protocol]];
  return {
    protocol,
    total: paired(found.before, found.after),
    tuning: paired(found["at-resolution"], found.after),
    published: base && fixed ? fixed.top1 - base.top1 : null,
  };
}

/** Over the pictures that both could read. */
function paired(before: Rescored, after: Rescored): PairedGain {
  const ids = [...before.correct.keys()].filter((id) => after.correct.has(id));
  const of = ({ correct }: Rescored): Uint8Array => Uint8Array.from(ids, (id) => Number(correct.get(id)));
  return pairedGain(of(before), of(after));
}
