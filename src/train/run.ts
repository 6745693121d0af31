import {
  type Batch,
  loadBatches,
  openPictureCache,
  type PictureCache,
  type Splits,
  type TestPreprocessing,
  trainTransform,
} from "../data/index.js";
import { FailedError, RequestError } from "../errors.js";
import { type Evaluation, evaluate } from "../evaluate/index.js";
import { percent } from "../format.js";
import { type EfficientNet, efficientnet, isTrainable, normalized, parametersOf, saveModel } from "../models/index.js";
import { GraphBuilder } from "../onnx/index.js";
import { type Progress, silent } from "../progress.js";
import { openSession, type Session, type SessionOptions } from "../runtime/index.js";
import type { Tensor } from "../weights/index.js";
import { FRESH, loadCheckpoint, type RunState, type StateTensors, saveCheckpoint } from "./checkpoint.js";
import { noiseFeeds } from "./noise.js";
import { checkTrainOptions, optimizerOf, type TrainOptions } from "./options.js";
import { openRun, type RunDirectory, type RunFile, sourceHash } from "./rundir.js";
import { learningRateAt } from "./schedule.js";
import { initialState, type StepGraph, stepGraph } from "./step.js";

/** A run's surroundings, none of which changes what it computes. */
export interface TrainSurroundings extends Pick<SessionOptions, "device" | "threads"> {
  /** Where the run is kept; a run that is there already goes on. */
  readonly directory: string;
  /** Bytes of decoded pictures to keep in memory; 1 GiB unless given. */
  readonly cacheBytes?: number;
  /** Seconds between checkpoints within an epoch; 60 unless given. */
  readonly checkpointSeconds?: number;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** What one epoch came to. */
export interface EpochResult {
  /** From 1. */
  readonly epoch: number;
  readonly trainLoss: number;
  readonly trainTop1: number;
  readonly learningRate: number;
  readonly badPictures: number;
  readonly val: Pick<Evaluation, "top1" | "top5" | "loss" | "n" | "ci95">;
}

export interface TrainResult {
  readonly run: string;
  /** Directory of the model after the last epoch. */
  readonly model: string;
  readonly epochs: readonly EpochResult[];
  readonly best: { readonly epoch: number; readonly top1: number; readonly model: string };
  /** Training pictures a second, of this part of the run; evaluation is not counted. */
  readonly imagesPerSecond: number;
  readonly seconds: number;
}

/**
 * Trains a model, from whatever weights it has, and keeps everything in a directory: `options.json`, `metrics.jsonl`,
 * `checkpoint.safetensors`, `model/` (last) and `best/`. A run that was stopped at any moment goes on when it is called
 * again, and ends in the same bytes.
 * @throws {RequestError} for options that cannot be, or that are not those of the run in the directory
 * @throws {FailedError} where the loss is not finite; the last checkpoint stays
 */
export async function train(
  model: EfficientNet,
  data: Splits,
  options: TrainOptions,
  test: TestPreprocessing,
  surroundings: TrainSurroundings,
): Promise<TrainResult> {
  const resolved = checkTrainOptions(options);
  const stepsPerEpoch = Math.floor(data.train.samples.length / resolved.batchSize);
  if (stepsPerEpoch === 0) {
    throw new RequestError(
      `a batch of ${resolved.batchSize} is more than the ${data.train.samples.length} training pictures; choose at most that.`,
    );
  }
  const { arch, classes, provenance } = model;
  const file: RunFile = {
    format: "fixres-run-1",
    arch: arch.name,
    width: arch.width,
    depth: arch.depth,
    from: provenance,
    classes: [...classes],
    pictures: data.train.samples.length,
    data: sourceHash(data.train),
    options: resolved,
  };
  const directory = await openRun(surroundings.directory, file);
  const run = new Run(model, data, resolved, test, surroundings, directory, stepsPerEpoch);
  try {
    return await run.complete();
  } finally {
    await directory.close();
    await run.dispose();
  }
}

/** The step graph of a model at a resolution, from pixels as bytes. */
export function trainingStep(
  { arch, classes, input, tensors }: Pick<EfficientNet, "arch" | "classes" | "input" | "tensors">,
  options: TrainOptions,
  batchNorm: "operator" | "primitive" = "operator",
): StepGraph {
  const b = new GraphBuilder();
  const { batchSize, resolution, dropout, dropPath, labelSmoothing } = options;
  const pixels = b.input("pixels", "uint8", [batchSize, resolution, resolution, 3]);
  const labels = b.input("labels", "int32", [batchSize]);
  const network = efficientnet(b, normalized(b, pixels, input), arch, {
    classes: classes.length,
    training: { batchStatistics: () => true, dropout, dropPath, batchNorm },
  });
  const ranks = new Map(parametersOf(arch, classes.length).map(({ name, shape }) => [name, shape.length]));
  return stepGraph(b, network, [pixels], labels, (name) => tensors.get(name)!.data, {
    optimizer: optimizerOf(options),
    labelSmoothing,
    trainable: isTrainable,
    decays: (name) => ranks.get(name)! > 1,
  });
}

/** One run under way: its session, its place, and what it has found. */
class Run {
  private session: Session | null = null;
  private readonly step: StepGraph;
  private state: RunState = FRESH;
  private readonly cache: PictureCache;
  private readonly progress: Progress;
  private trainedPictures = 0;
  private trainingMs = 0;

  constructor(
    private readonly model: EfficientNet,
    private readonly data: Splits,
    private readonly options: TrainOptions,
    private readonly test: TestPreprocessing,
    private readonly surroundings: TrainSurroundings,
    private readonly directory: RunDirectory,
    private readonly stepsPerEpoch: number,
  ) {
    const { device, progress = silent, cacheBytes = 2 ** 30 } = surroundings;
    // CUDA's kernel refuses training mode (microsoft/onnxruntime#16867).
    this.step = trainingStep(model, options, device === undefined || device === "cpu" ? "operator" : "primitive");
    this.cache = openPictureCache(cacheBytes);
    this.progress = progress;
  }

  async complete(): Promise<TrainResult> {
    const started = performance.now();
    const { device, threads } = this.surroundings;
    this.session = await openSession(this.step.program, { device, threads });
    await this.begin();
    while (this.state.epoch < this.options.epochs) {
      await this.trainEpoch();
      await this.endEpoch();
    }
    const { best } = this.state;
    return {
      run: this.surroundings.directory,
      model: this.directory.model,
      epochs: (await this.directory.epochs()) as EpochResult[],
      best: { ...best!, model: this.directory.best },
      imagesPerSecond: this.trainedPictures / (this.trainingMs / 1000),
      seconds: (performance.now() - started) / 1000,
    };
  }

  async dispose(): Promise<void> {
    await this.session?.dispose();
  }

  private async begin(): Promise<void> {
    let tensors: StateTensors = initialState(
      this.step,
      optimizerOf(this.options),
      (name) => this.model.tensors.get(name)!.data,
    );
    if (this.directory.resumed) {
      const found = await loadCheckpoint(this.directory.checkpoint, this.step.state);
      tensors = found.state;
      this.state = found.run;
      this.progress.note(`goes on after step ${this.state.step} (epoch ${this.state.epoch + 1})`);
    }
    await this.directory.rewindMetrics(this.state.metricsBytes);
    await this.session!.setState(tensors);
  }

  private async trainEpoch(): Promise<void> {
    const { batchSize, epochs, seed, onBadImage, resolution, interpolation, minCropArea, flip } = this.options;
    const { signal, checkpointSeconds = 60 } = this.surroundings;
    const { epoch } = this.state;
    const total = this.stepsPerEpoch * batchSize;
    const done = this.state.stepInEpoch * batchSize;
    const task = this.progress.start(`epoch ${epoch + 1}/${epochs}`, total, "pictures", done);
    let saved = performance.now();
    try {
      const batches = loadBatches(this.data.train, {
        transform: trainTransform({
          resolution,
          interpolation,
          scale: [minCropArea, 1],
          flip,
          exifOrientation: this.test.exifOrientation,
        }),
        batchSize,
        seed,
        epoch,
        shuffle: true,
        start: this.state.position,
        dropLast: true,
        onBadImage,
        cache: this.cache,
        signal,
      });
      for await (const batch of batches) {
        await this.trainStep(batch);
        task.advance(batchSize, `loss ${(this.state.lossSum / this.state.pictures).toFixed(3)}`);
        if (performance.now() - saved > checkpointSeconds * 1000) {
          await this.save();
          saved = performance.now();
        }
      }
    } catch (error) {
      // Asked to stop: what was done is kept. (Other errors leave the last checkpoint as it is.)
      if (signal?.aborted) await this.save();
      throw error;
    } finally {
      task.end();
    }
  }

  private async trainStep({ pixels, labels, end, bad }: Batch): Promise<void> {
    const { state, options } = this;
    const started = performance.now();
    const step = state.step + 1;
    const learningRate = this.learningRate();
    const scalars = Object.entries(optimizerOf(options).scalars(step, learningRate)).map(
      ([name, value]) => [`step/${name}`, Float32Array.of(value)] as const,
    );
    const { loss, correct } = await this.session!.run({
      pixels,
      labels,
      ...Object.fromEntries(scalars),
      ...noiseFeeds(this.step.noise, options.seed, step),
    });
    const value = Number(loss![0]);
    if (!Number.isFinite(value)) throw diverged(`the loss is ${value}`, step, learningRate);
    this.state = {
      ...state,
      step,
      stepInEpoch: state.stepInEpoch + 1,
      position: end,
      pictures: state.pictures + options.batchSize,
      lossSum: state.lossSum + value * options.batchSize,
      correctSum: state.correctSum + Number(correct![0]),
      badPictures: state.badPictures + bad.length,
    };
    this.trainedPictures += options.batchSize;
    this.trainingMs += performance.now() - started;
    const metricsBytes = await this.directory.logMetrics({
      kind: "step",
      step,
      epoch: state.epoch + 1,
      learningRate,
      loss: value,
    });
    this.state = { ...this.state, metricsBytes };
  }

  private learningRate(): number {
    const { epoch, stepInEpoch } = this.state;
    return learningRateAt({ ...this.options, name: this.options.schedule }, epoch + stepInEpoch / this.stepsPerEpoch);
  }

  /** Evaluates, writes the models, and only then the checkpoint: a run killed between them does the same again. */
  private async endEpoch(): Promise<void> {
    const { state, surroundings, options } = this;
    const epoch = state.epoch + 1;
    const tensors = await this.session!.getState();
    checkFinite(tensors, state.step, this.learningRate());
    const trained = this.trainedModel(tensors, epoch);
    const { top1, top5, loss, n, ci95 } = await evaluate(trained, this.data.val, {
      preprocessing: this.test,
      batchSize: options.batchSize,
      onBadImage: options.onBadImage,
      cache: this.cache,
      signal: surroundings.signal,
      progress: this.progress,
      device: surroundings.device,
      threads: surroundings.threads,
      task: `epoch ${epoch}/${options.epochs}, validation`,
    });
    const result: EpochResult = {
      epoch,
      trainLoss: state.lossSum / state.pictures,
      trainTop1: state.correctSum / state.pictures,
      learningRate: this.learningRate(),
      badPictures: state.badPictures,
      val: { top1, top5, loss, n, ci95 },
    };
    const metricsBytes = await this.directory.logMetrics({ kind: "epoch", ...result });
    const improved = state.best === null || top1 > state.best.top1;
    if (improved) await saveModel(this.directory.best, trained);
    if (epoch === options.epochs) await saveModel(this.directory.model, trained);
    const best = improved ? { epoch, top1 } : state.best;
    this.state = { ...FRESH, step: state.step, epoch, metricsBytes, best };
    await saveCheckpoint(this.directory.checkpoint, tensors, this.state);
    this.progress.note(
      `epoch ${epoch}/${options.epochs}: train loss ${result.trainLoss.toFixed(3)}, top-1 ${percent(result.trainTop1)}; validation loss ${loss.toFixed(3)}, top-1 ${percent(top1)}`,
    );
  }

  private async save(): Promise<void> {
    const tensors = await this.session!.getState();
    checkFinite(tensors, this.state.step, this.learningRate());
    await saveCheckpoint(this.directory.checkpoint, tensors, this.state);
  }

  private trainedModel(state: StateTensors, epoch: number): EfficientNet {
    const tensors = new Map<string, Tensor>();
    for (const [name, tensor] of this.model.tensors) tensors.set(name, { ...tensor, data: state[name] ?? tensor.data });
    const { resolution, batchSize, optimizer, learningRate, seed } = this.options;
    const done = { what: "trained" as const, epoch, resolution, batchSize, optimizer, learningRate, seed };
    const pictures = { pictures: this.data.train.samples.length, data: sourceHash(this.data.train) };
    return {
      ...this.model,
      tensors,
      input: { ...this.model.input, ...this.test },
      provenance: [...this.model.provenance, { ...done, ...pictures }],
    };
  }
}

/** A state that holds NaN or infinity must not take a good checkpoint's place. */
function checkFinite(tensors: StateTensors, step: number, learningRate: number): void {
  for (const [name, data] of Object.entries(tensors)) {
    if ((data as Float32Array).some((value) => !Number.isFinite(value)))
      throw diverged(`"${name}" is no longer finite`, step, learningRate);
  }
}

const diverged = (what: string, step: number, learningRate: number): FailedError =>
  new FailedError(
    `${what} at step ${step} (learning rate ${Number(learningRate.toPrecision(3))}); the run is stopped, and its last good checkpoint stays. Try a lower learning rate or a longer warm-up.`,
  );
