import { createHash } from "node:crypto";
import { join } from "node:path";
import { orderOf, type Source, type Splits } from "../data/index.js";
import { type Accuracy, type Scored, tally } from "../evaluate/index.js";
import { type Model, modelFingerprint } from "../models/index.js";
import { type Progress, silent } from "../progress.js";
import { openSession, type Program, type Session } from "../runtime/index.js";
import { type CheckedEngine, checkDevice, isChecked, sourceHash } from "../train/index.js";
import {
  type BatchOptions,
  CACHE_DEFAULTS,
  type CacheOptions,
  type FeatureBatch,
  Features,
  type FeaturesElsewhere,
} from "./features/features.js";
import { testFeatures, type ViewOptions, Views, viewOptions } from "./features/views.js";
import { type Fit, type FitOptions, fitBySgd, scoredFeatures } from "./fit.js";
import { fitBySolver } from "./fit-by-solver.js";
import { heldOutRows, indicesOf } from "./held-out.js";
import { linearTop } from "./linear.js";
import { tuneMode } from "./modes.js";
import { checkBatch, checkOptions, type SelectOn, type TuneOptions } from "./options.js";
import { type ProgressFile, progressFile } from "./progress-file.js";
import { type Division, divided, topProgram } from "./top.js";
import { measuredStart } from "./tuned-model.js";

/** What surrounds a tuning and does not change what it computes. */
export interface TuningSurroundings extends CheckedEngine {
  /** Where a run that was stopped is found by the next; nowhere unless given. */
  readonly directory?: string;
  /** Where features are kept; `CACHE_DEFAULTS` unless given. */
  readonly cache?: CacheOptions;
  /** Computes features in place of this process. */
  readonly elsewhere?: FeaturesElsewhere;
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

export type Stage = "choose" | "tune";

/** How an epoch was chosen. */
export interface Selection {
  readonly on: Exclude<SelectOn, "none">;
  /** True where the same pictures have chosen and judge. */
  readonly optimistic: boolean;
  /** How many pictures chose. */
  readonly pictures: number;
  /** From 1. */
  readonly epoch: number;
  /** Accuracy on those pictures before the first epoch and after each. */
  readonly judged: readonly Accuracy[];
}

/** A tuning under way: its features, and what is done with them. */
export class Tuning {
  readonly division: Division;
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
    private readonly surroundings: TuningSurroundings,
  ) {
    checkOptions(options, data.train);
    const { batchSize, preprocessing, cacheType } = options;
    const size = { resolution: preprocessing.resolution, batch: batchSize };
    checkBatch(model, options);
    this.division = divided(model, tuneMode(options.mode), size, cacheType);
    this.valDivision = divided(model, tuneMode(options.mode), size);
    // Before anything is computed.
    if (options.solver === "lbfgs") linearTop(this.division, model);
    this.progress = surroundings.progress ?? silent;
    this.all = everySample(data.train);
  }

  async dispose(): Promise<void> {
    for (const resource of this.resources.reverse()) await resource.dispose();
  }

  private async open(program: Program): Promise<Session> {
    const { device, threads } = this.surroundings;
    const session = await openSession(program, { device, threads });
    this.resources.push(session);
    return session;
  }

  private given(source: Source): ViewOptions {
    return viewOptions(this.model, source, this.options, this.surroundings);
  }

  /** Features of the training pictures. */
  async training(): Promise<Views> {
    const views = await Views.open(this.given(this.data.train), this.options);
    this.resources.push(views);
    return views;
  }

  /** Features of the validation pictures. */
  async validation(): Promise<Features> {
    const features = await Features.open(testFeatures(this.given(this.data.val), this.options, "float32"));
    this.resources.push(features);
    return features;
  }

  /** What tuning begins with. */
  start(train: Features): Promise<Model> {
    const batches = () => this.shown("statistics", train, this.all, { partial: false });
    return measuredStart(this.model, this.division, (program) => this.open(program), batches);
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

  /** Accuracy on the validation pictures, picture by picture. */
  async score(when: "before" | "after", model: Model, val: Features) {
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

  /**
   * Chooses the epoch by training pictures that are held back, or by the validation pictures.
   * @param val - for those; nobody looks at them otherwise
   */
  async select(start: Model, train: Views, val: () => Promise<Features>): Promise<Selection | null> {
    const { options, data } = this;
    const { selectOn, holdout, seed, batchSize } = options;
    if (selectOn === "none") return null;
    const byVal = selectOn === "val";
    const labels = Int32Array.from(data.train.samples, ({ label }) => label);
    const marks = byVal ? new Uint8Array(labels.length) : heldOutRows(labels, holdout, seed);
    const [kept, held] = [indicesOf(marks, 0), byVal ? everySample(data.val) : indicesOf(marks, 1)];
    const judge = byVal ? await val() : train.plain;
    const judges = () => judge.batches(held, { batchSize, partial: true });
    const division = byVal ? this.valDivision : this.division;
    const { judged } = await this.fit("choose", start, train, options.epochs, {
      pictures: kept,
      judges: { division, batches: judges },
    });
    const epoch = bestOf(judged);
    this.surroundings.onEvent?.({ kind: "chosen", epoch, on: selectOn, judged: judged[epoch]! });
    return { on: selectOn, optimistic: byVal, pictures: held.length, epoch, judged };
  }

  /**
   * Trains the top.
   * @param epochs - those of the options unless given
   * @param trial - the training pictures that are used, and what judges each epoch
   */
  async fit(
    stage: Stage,
    start: Model,
    train: Views,
    epochs = this.options.epochs,
    { pictures = this.all, judges }: { readonly pictures?: Int32Array; readonly judges?: FitOptions["judges"] } = {},
  ): Promise<Fit> {
    const options = { ...this.options, epochs };
    const { batchSize, seed } = options;
    const { length } = this.data.train.samples;
    const among = new Uint8Array(length);
    for (const sample of pictures) among[sample] = 1;
    const file = this.progressFile(stage);
    const resumed = (await file?.resumed()) ?? null;
    if (resumed !== null) this.progress.note(`goes on after epoch ${resumed.losses.length}`);
    const { device, threads, selfCheck, signal, cache = CACHE_DEFAULTS } = this.surroundings;
    const { memoryBytes = CACHE_DEFAULTS.memoryBytes } = cache;
    const fitBy = options.solver === "lbfgs" ? fitBySolver : fitBySgd;
    return fitBy({
      division: this.division,
      start,
      options,
      batches: (epoch) => {
        const order = orderOf(length, { seed, epoch, shuffle: true }).filter((sample) => among[sample] === 1);
        return train.batches(order, epoch, { batchSize, partial: false });
      },
      all: (size) => train.plain.batches(pictures, { batchSize: size, partial: true }),
      pictures: pictures.length,
      judges,
      open: (program) => this.open(program),
      check: isChecked({ device, selfCheck })
        ? (session, step, feeds) => checkDevice({ session, step, feeds, device, threads, progress: this.progress })
        : undefined,
      resumed: resumed ?? undefined,
      keep: async (state) => {
        const { losses, judged } = state;
        const [loss, accuracy] = [losses.at(-1)!, judged.at(-1) ?? null];
        this.surroundings.onEvent?.({ kind: "epoch", stage, epoch: losses.length, epochs, loss, judged: accuracy });
        await file?.keep(state);
      },
      task: stage === "choose" ? `${options.preprocessing.resolution} px, ` : "",
      ...{ device, threads, signal, memoryBytes },
      progress: this.progress,
    });
  }

  /** Removes what a next run would have gone on from. */
  async forget(): Promise<void> {
    for (const stage of ["choose", "tune"] as const) await this.progressFile(stage)?.remove();
  }

  /** How far a stage is, for a run after one that was killed; nowhere without a directory. */
  private progressFile(stage: Stage): ProgressFile | null {
    const { model, data, options, surroundings } = this;
    if (surroundings.directory === undefined) return null;
    this.identity ??= JSON.stringify([modelFingerprint(model), sourceHash(data.train), sourceHash(data.val), options]);
    const key = createHash("sha256").update(`${stage} ${this.identity}`).digest("hex");
    return progressFile(join(surroundings.directory, `.${stage}.safetensors`), key);
  }
}

/** The epoch of the largest top-1, of equal ones that of the smallest loss. @param judged - before the first epoch, and after each */
function bestOf(judged: readonly Accuracy[]): number {
  let best = 1;
  for (let epoch = 2; epoch < judged.length; epoch++) {
    const [found, other] = [judged[best]!, judged[epoch]!];
    if (other.top1 > found.top1 || (other.top1 === found.top1 && other.loss < found.loss)) best = epoch;
  }
  return best;
}

const everySample = ({ samples }: Source): Int32Array => Int32Array.from({ length: samples.length }, (_, i) => i);
