import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type BadPicture,
  loadBatches,
  orderOf,
  type Source,
  type Splits,
  type TestPreprocessing,
  testTransform,
} from "../data/index.js";
import { FailedError, RequestError } from "../errors.js";
import { type Accuracy, type PairedGain, pairedGain, scoreLogits, tally } from "../evaluate/index.js";
import { type Model, saveModel } from "../models/index.js";
import { elements } from "../onnx/index.js";
import { type Progress, silent } from "../progress.js";
import { openSession, runEach, type Session, type SessionOptions } from "../runtime/index.js";
import { initialState, learningRateAt, sgd, sourceHash } from "../train/index.js";
import { type FeatureStore, openFeatureStore } from "./features.js";
import { type TuneMode, type TuneModeName, tuneMode } from "./modes.js";
import { FEATURES, topProgram, topStep, trunkOf } from "./top.js";

export interface TuneOptions {
  readonly mode: TuneModeName;
  /** The test's preprocessing, which training uses too. */
  readonly preprocessing: TestPreprocessing;
  readonly epochs: number;
  readonly batchSize: number;
  /** b in the learning rate 8 b batch / 512. */
  readonly baseLearningRate: number;
  /** Epochs after which the rate falls to a tenth. */
  readonly decayEpochs: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly labelSmoothing: number;
  readonly seed: number;
  readonly onBadImage: "stop" | "skip";
}

/** The authors' first recipe with FixEfficientNet's label smoothing (DESIGN.md, section 6); few epochs, as they cost little. */
export const TUNE_DEFAULTS: Omit<TuneOptions, "preprocessing"> = {
  mode: "classifier+bn",
  epochs: 30,
  batchSize: 32,
  baseLearningRate: 1e-3,
  decayEpochs: 30,
  momentum: 0.9,
  weightDecay: 1e-4,
  labelSmoothing: 0.1,
  seed: 0,
  onBadImage: "stop",
};

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

function checkOptions({ epochs, batchSize, baseLearningRate }: TuneOptions, { samples }: Source): void {
  if (!(Number.isInteger(epochs) && epochs >= 1))
    throw new RequestError(`epochs is ${epochs}; give a whole number of 1 or more.`);
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new RequestError(`the batch size is ${batchSize}; give a whole number of 1 or more.`);
  if (batchSize > samples.length) {
    throw new RequestError(
      `a batch of ${batchSize} is more than the ${samples.length} training pictures; choose at most that.`,
    );
  }
  if (!(baseLearningRate > 0 && Number.isFinite(baseLearningRate)))
    throw new RequestError(`the base learning rate is ${baseLearningRate}; it must be above 0, such as 0.001.`);
}

/** Features of a source, and which of its samples have some. */
interface Features {
  readonly store: FeatureStore;
  readonly source: Source;
  readonly present: Uint8Array;
}

class Tuning {
  private readonly mode: TuneMode;
  private readonly progress: Progress;
  private readonly resources: { dispose(): Promise<void> }[] = [];
  private readonly bad: BadPicture[] = [];

  constructor(
    private readonly model: Model,
    private readonly data: Splits,
    private readonly options: TuneOptions,
    private readonly surroundings: TuneSurroundings,
  ) {
    this.mode = tuneMode(options.mode);
    this.progress = surroundings.progress ?? silent;
  }

  async dispose(): Promise<void> {
    for (const resource of this.resources.reverse()) await resource.dispose();
  }

  async run(): Promise<TuneResult> {
    const started = performance.now();
    const { model, data, options, surroundings, mode } = this;
    const { batchSize, preprocessing } = options;
    await mkdir(surroundings.directory, { recursive: true });
    const trunk = trunkOf(model, mode, { resolution: preprocessing.resolution, batch: batchSize });
    const trunkSession = await this.open(trunk.program);
    const length = elements(trunk.featureShape);
    const train = await this.features(data.train, length, "train");
    const val = await this.features(data.val, length, "val");

    await this.collect(val, trunkSession, "before", { epoch: 0, shuffle: false });
    const before = await this.score(model, val, trunk.featureShape);
    const { tensors, losses, epochSeconds } = await this.train(train, trunkSession, trunk.featureShape);
    const tuned = this.tunedModel(tensors);
    const after = await this.score(tuned, val, trunk.featureShape);
    await saveModel(surroundings.directory, tuned);
    return {
      ...pairedGain(before.correct, after.correct),
      model: surroundings.directory,
      before: before.accuracy,
      after: after.accuracy,
      resolution: preprocessing.resolution,
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

  private async features(source: Source, length: number, name: string): Promise<Features> {
    const { directory, memoryBytes = 4 * 2 ** 30 } = this.surroundings;
    const path = join(directory, `.features-${name}`);
    const store = await openFeatureStore(source.samples.length, length, { memoryBytes, path });
    this.resources.push(store);
    return { store, source, present: new Uint8Array(source.samples.length) };
  }

  /** Runs a source through the trunk and keeps its features; `use` gets each full batch on the way. */
  private async collect(
    { store, source, present }: Features,
    trunk: Session,
    task: string,
    order: { epoch: number; shuffle: boolean },
    use?: (features: Float32Array, labels: Int32Array) => Promise<number>,
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
        const features = results[FEATURES] as Float32Array;
        const length = features.length / batchSize;
        for (const [row, sample] of samples.entries()) {
          await store.write(sample, features.subarray(row * length, (row + 1) * length));
          present[sample] = 1;
        }
        const loss = count === batchSize ? await use?.(features, labels) : undefined;
        shown.advance(count + bad.length, loss === undefined ? undefined : `loss ${loss.toFixed(3)}`);
      }
    } finally {
      shown.end();
    }
  }

  /** Batches of kept features in the order of an epoch; only full ones, unless `partial`. */
  private async *kept(
    { store, source, present }: Features,
    length: number,
    { epoch, shuffle, partial }: { epoch: number; shuffle: boolean; partial: boolean },
  ): AsyncGenerator<{ features: Float32Array; labels: Int32Array; count: number }> {
    const { batchSize, seed } = this.options;
    const order = orderOf(source.samples.length, { seed, epoch, shuffle }).filter((i) => present[i] === 1);
    for (let start = 0; start < order.length; start += batchSize) {
      const rows = order.subarray(start, start + batchSize);
      if (rows.length < batchSize && !partial) return;
      const features = new Float32Array(batchSize * length);
      const labels = new Int32Array(batchSize);
      for (const [row, sample] of rows.entries()) {
        await store.read(sample, features, row * length);
        labels[row] = source.samples[sample]!.label;
      }
      yield { features, labels, count: rows.length };
    }
  }

  private async score(model: Model, val: Features, featureShape: readonly number[]) {
    const session = await this.open(topProgram(model, this.mode, featureShape, this.options.batchSize));
    const sums = tally();
    const batches = this.kept(val, elements(featureShape), { epoch: 0, shuffle: false, partial: true });
    for await (const { features, labels, count } of batches) {
      const { logits } = await session.run({ [FEATURES]: features });
      sums.add(scoreLogits(logits as Float32Array, labels, count, model.classes.length));
    }
    return { accuracy: sums.result(), correct: sums.correct() };
  }

  private async train(train: Features, trunk: Session, featureShape: readonly number[]) {
    const { options, model, mode } = this;
    const { batchSize, labelSmoothing, momentum, weightDecay, epochs, decayEpochs } = options;
    const optimizer = sgd({ momentum, weightDecay });
    const step = topStep(model, mode, featureShape, { batch: batchSize, optimizer, labelSmoothing });
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
      const use = async (features: Float32Array, labels: Int32Array): Promise<number> => {
        const { loss } = await session.run({
          [FEATURES]: features,
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
      if (epoch === 1) await this.collect(train, trunk, task, { epoch, shuffle: true }, use);
      else await this.epochFromCache(train, elements(featureShape), epoch, task, use);
      losses.push(sum / count);
      epochSeconds.push((performance.now() - started) / 1000);
    }
    return { tensors: await session.getState(), losses, epochSeconds };
  }

  private async epochFromCache(
    train: Features,
    length: number,
    epoch: number,
    task: string,
    use: (features: Float32Array, labels: Int32Array) => Promise<number>,
  ): Promise<void> {
    const shown = this.progress.start(`${task} (cached)`, train.source.samples.length, "pictures");
    try {
      for await (const { features, labels, count } of this.kept(train, length, {
        epoch,
        shuffle: true,
        partial: false,
      })) {
        this.surroundings.signal?.throwIfAborted();
        const loss = await use(features, labels);
        shown.advance(count, `loss ${loss.toFixed(3)}`);
      }
    } finally {
      shown.end();
    }
  }

  private tunedModel(state: Readonly<Record<string, unknown>>): Model {
    const { model, options, data } = this;
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
