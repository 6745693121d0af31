import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type BadPicture, loadBatches, orderOf, type Source, type Splits, testTransform } from "../data/index.js";
import { FailedError, RequestError } from "../errors.js";
import {
  type Accuracy,
  type PairedGain,
  pairedGain,
  recordHead,
  type Scored,
  saveRecord,
  scoreLogits,
  tally,
} from "../evaluate/index.js";
import { expectedClasses, type Model, possibleBatch, saveModel } from "../models/index.js";
import { elements, type TypedArray } from "../onnx/index.js";
import { type Progress, silent } from "../progress.js";
import { openSession, runEach, type Session, type SessionOptions } from "../runtime/index.js";
import { initialState, learningRateAt, sgd, sourceHash } from "../train/index.js";
import { type FeatureStore, openFeatureStore } from "./features.js";
import { type TuneModeName, tuneMode } from "./modes.js";
import { checkOptions, type TuneOptions } from "./options.js";
import {
  type Division,
  divided,
  foldedAgain,
  freshTensors,
  statisticsProgram,
  topProgram,
  topStep,
  trunkProgram,
} from "./top.js";

/** What surrounds a tuning and does not change what it computes. */
export interface TuneSurroundings extends Pick<SessionOptions, "device" | "threads"> {
  /** Model directory to write. */
  readonly directory: string;
  /** Features that fit into so many bytes are kept in memory, others on disk; 4 GiB unless given. */
  readonly memoryBytes?: number;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
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
  readonly epochSeconds: readonly number[];
  readonly bad: readonly BadPicture[];
  readonly seconds: number;
  readonly cache: { readonly bytes: number; readonly where: "memory" | "disk" };
}

/**
 * FixRes: fine-tunes the top of a classifier at a test resolution with test-time preprocessing, and says what that gained on
 * the validation pictures (arXiv 1906.06423, section 4.2). Features below the cut are computed once.
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

/** Features of a source, and which of its samples have some. */
interface Features {
  readonly store: FeatureStore;
  readonly source: Source;
  readonly present: Uint8Array;
  /** Those that could not be read. */
  readonly bad: BadPicture[];
}

/** Values of a batch's features at the cut, by name. */
type FeatureBatch = Readonly<Record<string, Float32Array>>;

class Tuning {
  private readonly division: Division;
  /** Floats of one picture's features, all together. */
  private readonly length: number;
  private readonly progress: Progress;
  private readonly resources: { dispose(): Promise<void> }[] = [];
  private readonly bad: BadPicture[] = [];

  constructor(
    private readonly model: Model,
    private readonly data: Splits,
    private readonly options: TuneOptions,
    private readonly surroundings: TuneSurroundings,
  ) {
    const { batchSize, preprocessing } = options;
    const size = { resolution: preprocessing.resolution, batch: batchSize };
    const possible = possibleBatch(model, size);
    if (possible !== batchSize) {
      throw new RequestError(
        `${model.arch.name} takes ${possible} pictures at a time, which its file has written out; export it with a free batch size, or give --batch-size ${possible}.`,
      );
    }
    this.division = divided(model, tuneMode(options.mode), size);
    this.length = this.division.features.reduce((sum, { shape }) => sum + elements(shape), 0);
    this.progress = surroundings.progress ?? silent;
  }

  async dispose(): Promise<void> {
    for (const resource of this.resources.reverse()) await resource.dispose();
  }

  async run(): Promise<TuneResult> {
    const started = performance.now();
    const { model, data, options, surroundings, division } = this;
    await mkdir(surroundings.directory, { recursive: true });
    const trunk = await this.open(trunkProgram(division, model));
    const train = await this.features(data.train, "train");
    const val = await this.features(data.val, "val");
    await this.collect(val, trunk, "before", { epoch: 0, shuffle: false });

    const start = division.unfolded === null ? model : await this.unfolded(train, trunk);
    const before = await this.score(start, val);
    const { tensors, losses, epochSeconds } = await this.train(start, train, trunk);
    const tuned = this.tunedModel(start, tensors);
    const after = await this.score(tuned, val);
    const saved = { ...tuned, tensors: foldedAgain(division, tuned.tensors) };
    await saveModel(surroundings.directory, saved);
    await this.keep("before", model, before.scored);
    await this.keep("after", saved, after.scored);
    return {
      ...pairedGain(before.correct, after.correct),
      model: surroundings.directory,
      before: before.accuracy,
      after: after.accuracy,
      resolution: options.preprocessing.resolution,
      mode: options.mode,
      losses,
      epochSeconds,
      bad: this.bad,
      seconds: (performance.now() - started) / 1000,
      cache: { bytes: train.store.bytes + val.store.bytes, where: train.store.where },
    };
  }

  private async open(program: Parameters<typeof openSession>[0]): Promise<Session> {
    const { device, threads } = this.surroundings;
    const session = await openSession(program, { device, threads });
    this.resources.push(session);
    return session;
  }

  private async features(source: Source, name: string): Promise<Features> {
    const { directory, memoryBytes = 4 * 2 ** 30 } = this.surroundings;
    const path = join(directory, `.features-${name}`);
    const store = await openFeatureStore(source.samples.length, this.length, { memoryBytes, path });
    this.resources.push(store);
    return { store, source, present: new Uint8Array(source.samples.length), bad: [] };
  }

  /** Runs a source through the trunk and keeps its features; `use` gets each full batch on the way. */
  private async collect(
    { store, source, present, bad: unread }: Features,
    trunk: Session,
    task: string,
    order: { epoch: number; shuffle: boolean },
    use?: (features: FeatureBatch, labels: Int32Array) => Promise<number>,
  ): Promise<void> {
    const { preprocessing, batchSize, seed, onBadImage } = this.options;
    const shown = this.progress.start(task, source.samples.length, "pictures");
    try {
      const batches = loadBatches(source, {
        transform: testTransform(preprocessing),
        batchSize,
        seed,
        ...order,
        onBadImage,
        signal: this.surroundings.signal,
      });
      for await (const { batch, results } of runEach(trunk, batches, ({ pixels }) => ({ pixels }))) {
        const { labels, samples, count, bad } = batch;
        this.bad.push(...bad);
        unread.push(...bad);
        const features = results as FeatureBatch;
        const row = new Float32Array(this.length);
        for (const [i, sample] of samples.entries()) {
          for (const { from, to } of this.parts(i)) row.set(features[to.name]!.subarray(from, from + to.length), to.at);
          await store.write(sample, row);
          present[sample] = 1;
        }
        const loss = count === batchSize ? await use?.(features, labels) : undefined;
        shown.advance(count + bad.length, loss === undefined ? undefined : `loss ${loss.toFixed(3)}`);
      }
    } finally {
      shown.end();
    }
  }

  /** Where the i-th picture of a batch has its part of each feature, and where that stands in the picture's row. */
  private parts(i: number): { from: number; to: { name: string; at: number; length: number } }[] {
    let at = 0;
    return this.division.features.map(({ name, shape }) => {
      const length = elements(shape);
      const to = { name, at, length };
      at += length;
      return { from: i * length, to };
    });
  }

  /** Batches of kept features in the order of an epoch; only full ones, unless `partial`. */
  private async *kept(
    { store, source, present }: Features,
    { epoch, shuffle, partial }: { epoch: number; shuffle: boolean; partial: boolean },
  ): AsyncGenerator<{ features: FeatureBatch; labels: Int32Array; samples: Int32Array; count: number }> {
    const { batchSize, seed } = this.options;
    const order = orderOf(source.samples.length, { seed, epoch, shuffle }).filter((i) => present[i] === 1);
    for (let start = 0; start < order.length; start += batchSize) {
      const rows = order.subarray(start, start + batchSize);
      if (rows.length < batchSize && !partial) return;
      const features = Object.fromEntries(
        this.division.features.map(({ name, shape }) => [name, new Float32Array(batchSize * elements(shape))]),
      );
      const labels = new Int32Array(batchSize);
      for (const [i, sample] of rows.entries()) {
        for (const { from, to } of this.parts(i)) await store.read(sample, features[to.name]!, from, to);
        labels[i] = source.samples[sample]!.label;
      }
      yield { features, labels, samples: rows, count: rows.length };
    }
  }

  /**
   * The model with a fresh BatchNorm behind the convolution that one was folded into, for the statistics of all training pictures.
   */
  private async unfolded(train: Features, trunk: Session): Promise<Model> {
    const { model, division } = this;
    await this.collect(train, trunk, "statistics", { epoch: 0, shuffle: false });
    const session = await this.open(statisticsProgram(division, model));
    let [sums, squares, batches]: [number[], number[], number] = [[], [], 0];
    for await (const { features } of this.kept(train, { epoch: 0, shuffle: false, partial: false })) {
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

  private async score(model: Model, val: Features) {
    const session = await this.open(topProgram(this.division, model));
    const sums = tally();
    const scored: Scored[] = [];
    let end = 0;
    for await (const batch of this.kept(val, { epoch: 0, shuffle: false, partial: true })) {
      const { features, labels, samples, count } = batch;
      const { logits } = await session.run(features);
      const scores = scoreLogits(logits as Float32Array, labels, count, model.classes.length);
      sums.add(scores, samples);
      end += count;
      scored.push({ scores, samples, bad: end === count ? val.bad : [], end });
    }
    return { accuracy: sums.result(), correct: sums.correct(), scored };
  }

  /** Leaves a record of the validation pictures beside the model, for `fixres compare`. */
  private async keep(name: string, model: Model, scored: readonly Scored[]): Promise<void> {
    const { options, surroundings, data } = this;
    const { preprocessing, batchSize, onBadImage } = options;
    const { device, threads } = surroundings;
    const head = recordHead(name, model, data.val, { preprocessing, batchSize, onBadImage, device, threads });
    await saveRecord(join(surroundings.directory, "evaluations", name), head, data.val, scored);
  }

  private async train(model: Model, train: Features, trunk: Session) {
    const { options } = this;
    const { batchSize, labelSmoothing, momentum, weightDecay, epochs, decayEpochs } = options;
    const optimizer = sgd({ momentum, weightDecay });
    const step = topStep(this.division, model, { optimizer, labelSmoothing });
    const session = await this.open(step.program);
    await session.setState(initialState(step, optimizer, (name) => model.tensors.get(name)!.data));
    const learningRate = (8 * options.baseLearningRate * batchSize) / 512;
    const losses: number[] = [];
    const epochSeconds: number[] = [];
    let steps = 0;
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const started = performance.now();
      const rate = learningRateAt({ name: "step", learningRate, epochs, decayEpochs }, epoch - 1);
      let [sum, count] = [0, 0];
      const use = async (features: FeatureBatch, labels: Int32Array): Promise<number> => {
        const { loss } = await session.run({
          ...features,
          labels,
          "step/learningRate": Float32Array.of(optimizer.scalars(++steps, rate).learningRate!),
        });
        const value = Number(loss![0]);
        if (!Number.isFinite(value)) throw diverged(value, steps, epoch, options.baseLearningRate);
        sum += value;
        count++;
        return sum / count;
      };
      const task = `epoch ${epoch}/${epochs}`;
      const cached = epoch > 1 || this.division.unfolded !== null;
      if (cached) await this.epochFromCache(train, epoch, task, use);
      else await this.collect(train, trunk, task, { epoch, shuffle: true }, use);
      losses.push(sum / count);
      epochSeconds.push((performance.now() - started) / 1000);
    }
    return { tensors: await session.getState(), losses, epochSeconds };
  }

  private async epochFromCache(
    train: Features,
    epoch: number,
    task: string,
    use: (features: FeatureBatch, labels: Int32Array) => Promise<number>,
  ): Promise<void> {
    const shown = this.progress.start(`${task} (cached)`, train.source.samples.length, "pictures");
    try {
      for await (const { features, labels, count } of this.kept(train, { epoch, shuffle: true, partial: false })) {
        this.surroundings.signal?.throwIfAborted();
        const loss = await use(features, labels);
        shown.advance(count, `loss ${loss.toFixed(3)}`);
      }
    } finally {
      shown.end();
    }
  }

  private tunedModel(model: Model, state: Readonly<Record<string, unknown>>): Model {
    const { options, data } = this;
    const { preprocessing, onBadImage: _, ...recipe } = options;
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
          ...pictures,
        },
      ],
    };
  }
}

const diverged = (loss: number, step: number, epoch: number, base: number): FailedError =>
  new FailedError(
    `the loss is ${loss} at step ${step} (epoch ${epoch}); nothing was written. Try a lower base learning rate than ${base}.`,
  );
