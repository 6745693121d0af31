import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type BadPicture, orderOf, type Source, type Splits, testTransform } from "../data/index.js";
import {
  type Accuracy,
  type PairedGain,
  pairedGain,
  recordHead,
  type Scored,
  saveRecord,
  tally,
} from "../evaluate/index.js";
import { expectedClasses, type Model, modelFingerprint, saveModel } from "../models/index.js";
import type { TypedArray } from "../onnx/index.js";
import { type Progress, silent } from "../progress.js";
import { openSession, type Program, type Session, type SessionOptions } from "../runtime/index.js";
import { sourceHash } from "../train/index.js";
import {
  type BatchOptions,
  CACHE_DEFAULTS,
  type CacheOptions,
  type CacheWhere,
  type FeatureBatch,
  Features,
} from "./features.js";
import { type Fit, type FitOptions, fitBySgd, scoredFeatures } from "./fit.js";
import { holdoutOf } from "./holdout.js";
import { type TuneModeName, tuneMode } from "./modes.js";
import { checkBatch, checkOptions, type SelectOn, type TuneOptions } from "./options.js";
import { progressFile } from "./progress-file.js";
import { type Division, divided, foldedAgain, freshTensors, statisticsProgram, topProgram } from "./top.js";

/** What surrounds a tuning and does not change what it computes. */
export interface TuneSurroundings extends Pick<SessionOptions, "device" | "threads"> {
  /** Model directory to write. */
  readonly directory: string;
  /** Where features are kept; `CACHE_DEFAULTS` unless given. */
  readonly cache?: CacheOptions;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /** Called with what has happened. */
  readonly onEvent?: (event: TuneEvent) => void;
}

/** What a tuning tells while it runs. */
export type TuneEvent =
  | { readonly kind: "evaluated"; readonly when: "before" | "after"; readonly accuracy: Accuracy }
  | {
      readonly kind: "epoch";
      /** `choose` where epochs are tried, to choose one; `tune` where the model is made. */
      readonly stage: Stage;
      readonly epoch: number;
      readonly epochs: number;
      /** Mean training loss. */
      readonly loss: number;
      /** On the pictures that choose, where there are some. */
      readonly judged: Accuracy | null;
    }
  | { readonly kind: "chosen"; readonly epoch: number; readonly on: SelectOn; readonly judged: Accuracy };

type Stage = "choose" | "tune";

/** How an epoch was chosen. */
export interface Selection {
  readonly on: Exclude<SelectOn, "none">;
  /** True where the same pictures have chosen and judge. */
  readonly optimistic: boolean;
  readonly epoch: number;
  /** Accuracy of each epoch on the pictures that chose. */
  readonly judged: readonly Accuracy[];
}

export interface TuneResult extends PairedGain {
  readonly model: string;
  /** On the same validation pictures, at the same resolution. */
  readonly before: Accuracy;
  readonly after: Accuracy;
  readonly resolution: number;
  readonly mode: TuneModeName;
  /** Mean training loss of each epoch. */
  readonly losses: readonly number[];
  /** Of the epochs that this run has computed. */
  readonly epochSeconds: readonly number[];
  /** Null where the last epoch was taken. */
  readonly selection: Selection | null;
  readonly bad: readonly BadPicture[];
  readonly seconds: number;
  readonly cache: {
    readonly bytes: number;
    readonly where: CacheWhere;
    /** Pictures whose features were computed, and not found. */
    readonly computed: number;
  };
}

/**
 * FixRes: fine-tunes the top of a classifier at a test resolution with test-time preprocessing, and says what that gained on
 * the validation pictures (arXiv 1906.06423, section 4.2). Features below the cut are computed once, and kept for later runs. A run
 * that was stopped at any moment goes on when it is called again, and ends in the same bytes.
 * @throws {RequestError} for options that cannot be  @throws {FailedError} where the loss is not finite
 */
export async function tune(
  model: Model,
  data: Splits,
  options: TuneOptions,
  surroundings: TuneSurroundings,
): Promise<TuneResult> {
  checkOptions(options, data.train);
  const tuning = new Tuning(model, data, options, surroundings);
  try {
    return await tuning.run();
  } finally {
    await tuning.dispose();
  }
}

class Tuning {
  private readonly division: Division;
  /** The same for the validation pictures: what accuracy is measured on is not rounded. */
  private readonly valDivision: Division;
  private readonly progress: Progress;
  private readonly resources: { dispose(): Promise<void> }[] = [];
  private readonly all: Int32Array;
  /** All that the result depends on. */
  private identity: string | null = null;

  constructor(
    private readonly model: Model,
    private readonly data: Splits,
    private readonly options: TuneOptions,
    private readonly surroundings: TuneSurroundings,
  ) {
    const { batchSize, preprocessing, cacheType } = options;
    const size = { resolution: preprocessing.resolution, batch: batchSize };
    checkBatch(model, options);
    this.division = divided(model, tuneMode(options.mode), size, cacheType);
    this.valDivision = divided(model, tuneMode(options.mode), size);
    this.progress = surroundings.progress ?? silent;
    this.all = everySample(data.train);
  }

  async dispose(): Promise<void> {
    for (const resource of this.resources.reverse()) await resource.dispose();
  }

  async run(): Promise<TuneResult> {
    const started = performance.now();
    const { model, data, options, surroundings, division } = this;
    await mkdir(surroundings.directory, { recursive: true });
    const train = await this.features(data.train, options.cacheType);
    const val = await this.features(data.val, "float32");

    const start = division.unfolded === null ? model : await this.unfolded(train);
    const before = await this.score("before", start, val);
    const selection = await this.select(start, train, val);
    const epochs = selection?.epoch ?? options.epochs;
    const { tensors, losses, epochSeconds } = await this.fit("tune", start, train, this.all, { ...options, epochs });
    const tuned = this.tunedModel(start, tensors, selection);
    const after = await this.score("after", tuned, val);
    const saved = { ...tuned, tensors: foldedAgain(division, tuned.tensors) };
    await saveModel(surroundings.directory, saved);
    await this.keep("before", model, before.scored);
    await this.keep("after", saved, after.scored);
    for (const stage of ["choose", "tune"] as const) await this.progressFile(stage).remove();
    return {
      ...pairedGain(before.correct, after.correct),
      model: surroundings.directory,
      before: before.accuracy,
      after: after.accuracy,
      resolution: options.preprocessing.resolution,
      mode: options.mode,
      losses,
      epochSeconds,
      selection,
      bad: [...val.bad, ...train.bad],
      seconds: (performance.now() - started) / 1000,
      cache: { bytes: train.bytes + val.bytes, where: train.where, computed: train.computed + val.computed },
    };
  }

  private async open(program: Program): Promise<Session> {
    const { device, threads } = this.surroundings;
    const session = await openSession(program, { device, threads });
    this.resources.push(session);
    return session;
  }

  private async features(source: Source, type: TuneOptions["cacheType"]): Promise<Features> {
    const { model, options, surroundings } = this;
    const { mode, preprocessing, seed, onBadImage } = options;
    const { cache = CACHE_DEFAULTS, device, threads, signal, progress } = surroundings;
    const features = await Features.open({
      ...{ model, mode, source, type, cache, seed, onBadImage, device, threads, signal, progress },
      transform: testTransform(preprocessing),
      described: JSON.stringify(preprocessing),
      draw: 0,
    });
    this.resources.push(features);
    return features;
  }

  /**
   * The model with a fresh BatchNorm behind the convolution that one was folded into, for the statistics of all training pictures.
   */
  private async unfolded(train: Features): Promise<Model> {
    const { model, division } = this;
    const session = await this.open(statisticsProgram(division, model));
    let [sums, squares, batches]: [number[], number[], number] = [[], [], 0];
    for await (const { features } of this.shown("statistics", train, this.all, { partial: false })) {
      const measured = await session.run(features);
      const add = (so: readonly number[], values: TypedArray): number[] =>
        Array.from(values as Float32Array, (value, c) => value + (so[c] ?? 0));
      [sums, squares] = [add(sums, measured.mean!), add(squares, measured.squares!)];
      batches++;
    }
    const mean = sums.map((sum) => sum / batches);
    const variance = squares.map((sum, c) => Math.max(0, sum / batches - mean[c]! ** 2));
    return { ...model, tensors: new Map([...model.tensors, ...freshTensors(division.unfolded!, mean, variance)]) };
  }

  /** Batches with a progress of their own. */
  private async *shown(
    task: string,
    features: Features,
    order: Int32Array,
    options: Pick<BatchOptions, "partial">,
  ): AsyncGenerator<FeatureBatch> {
    const { batchSize } = this.options;
    const shown = this.progress.start(task, order.length, "pictures");
    try {
      for await (const batch of features.batches(order, { batchSize, ...options })) {
        yield batch;
        shown.advance(batch.count);
      }
    } finally {
      shown.end();
    }
  }

  private async score(when: "before" | "after", model: Model, val: Features) {
    const session = await this.open(topProgram(this.valDivision, model));
    const sums = tally();
    const scored: Scored[] = [];
    let end = 0;
    for await (const found of scoredFeatures(
      session,
      this.shown(when, val, everySample(this.data.val), { partial: true }),
      model.classes.length,
    )) {
      sums.add(found.scores, found.samples);
      end += found.count;
      scored.push({ ...found, bad: [], end });
    }
    const accuracy = sums.result();
    this.surroundings.onEvent?.({ kind: "evaluated", when, accuracy });
    if (scored[0] !== undefined) scored[0] = { ...scored[0], bad: val.bad };
    return { accuracy, correct: sums.correct(), scored };
  }

  /** Chooses the epoch by pictures that are held back, or by those that judge. */
  private async select(start: Model, train: Features, val: Features): Promise<Selection | null> {
    const { options, data } = this;
    const { selectOn, holdout, seed, batchSize, epochs } = options;
    if (selectOn === "none") return null;
    const { kept, held } =
      selectOn === "holdout" ? holdoutOf(data.train, holdout, seed) : { kept: this.all, held: everySample(data.val) };
    const judges = () => (selectOn === "holdout" ? train : val).batches(held, { batchSize, partial: true });
    const division = selectOn === "holdout" ? this.division : this.valDivision;
    const { judged } = await this.fit("choose", start, train, kept, options, { division, batches: judges });
    // The largest top-1; of equal ones the smallest loss.
    const best = judged.reduce(
      (found, { top1, loss }, i) =>
        top1 > judged[found]!.top1 || (top1 === judged[found]!.top1 && loss < judged[found]!.loss) ? i : found,
      0,
    );
    const epoch = best + 1;
    this.surroundings.onEvent?.({ kind: "chosen", epoch, on: selectOn, judged: judged[best]! });
    this.progress.note(`epoch ${epoch} of ${epochs} is chosen on ${held.length} pictures of ${selectOn}`);
    return { on: selectOn, optimistic: selectOn === "val", epoch, judged };
  }

  /** Trains the top on some of the training pictures. */
  private async fit(
    stage: Stage,
    start: Model,
    train: Features,
    pictures: Int32Array,
    options: TuneOptions,
    judges?: FitOptions["judges"],
  ): Promise<Fit> {
    const { batchSize, seed, epochs } = options;
    const { length } = this.data.train.samples;
    const among = new Uint8Array(length);
    for (const sample of pictures) among[sample] = 1;
    const file = this.progressFile(stage);
    const resumed = await file.resumed();
    if (resumed !== null) this.progress.note(`goes on after epoch ${resumed.losses.length}`);
    return fitBySgd({
      division: this.division,
      start,
      options,
      batches: (epoch) => {
        const order = orderOf(length, { seed, epoch, shuffle: true }).filter((sample) => among[sample] === 1);
        return train.batches(order, { batchSize, partial: false });
      },
      pictures: pictures.length,
      judges,
      open: (program) => this.open(program),
      resumed: resumed ?? undefined,
      keep: async (state) => {
        const { losses, judged } = state;
        const [loss, accuracy] = [losses.at(-1)!, judged.at(-1) ?? null];
        this.surroundings.onEvent?.({ kind: "epoch", stage, epoch: losses.length, epochs, loss, judged: accuracy });
        await file.keep(state);
      },
      task: stage === "choose" ? "choose: " : "",
      progress: this.progress,
    });
  }

  /** How far a stage is, for a run after one that was killed. */
  private progressFile(stage: Stage) {
    const { model, data, options, surroundings } = this;
    this.identity ??= JSON.stringify([modelFingerprint(model), sourceHash(data.train), sourceHash(data.val), options]);
    const key = createHash("sha256").update(`${stage} ${this.identity}`).digest("hex");
    return progressFile(join(surroundings.directory, `.${stage}.safetensors`), key);
  }

  /** Leaves a record of the validation pictures beside the model, for `fixres compare`. */
  private async keep(name: string, model: Model, scored: readonly Scored[]): Promise<void> {
    const { options, surroundings, data } = this;
    const { preprocessing, batchSize, onBadImage } = options;
    const { device, threads } = surroundings;
    const head = recordHead(name, model, data.val, { preprocessing, batchSize, onBadImage, device, threads });
    await saveRecord(join(surroundings.directory, "evaluations", name), head, data.val, scored);
  }

  private tunedModel(model: Model, state: Readonly<Record<string, unknown>>, selection: Selection | null): Model {
    const { options, data } = this;
    const { preprocessing, onBadImage: _, selectOn, holdout, ...recipe } = options;
    const chosen = selection && {
      epoch: selection.epoch,
      selectedOn: selectOn,
      ...(selectOn === "holdout" && { holdout }),
    };
    const tensors = new Map(
      [...model.tensors].map(([name, tensor]) => [
        name,
        { ...tensor, data: (state[name] as Float32Array | undefined) ?? tensor.data },
      ]),
    );
    const pictures = { pictures: data.train.samples.length, data: sourceHash(data.train) };
    return {
      ...model,
      // A model that only knows how many classes it has learns their names.
      classes: typeof expectedClasses(model) === "number" ? data.train.classes : model.classes,
      tensors,
      input: { ...model.input, ...preprocessing },
      provenance: [
        ...model.provenance,
        {
          what: "tuned",
          resolution: preprocessing.resolution,
          trainedAt: model.input.resolution,
          ...recipe,
          ...chosen,
          ...pictures,
        },
      ],
    };
  }
}

const everySample = ({ samples }: Source): Int32Array => Int32Array.from({ length: samples.length }, (_, i) => i);
