import { type Batch, loadBatches, openPictureCache, type PictureCache, type TestPreprocessing } from "../data/index.js";
import { NotFiniteError } from "../errors.js";
import { type Evaluation, evaluate } from "../evaluate/index.js";
import { percent } from "../format.js";
import { type EfficientNet, saveModel } from "../models/index.js";
import { type Progress, silent } from "../progress.js";
import { openSession, type Session, type Tensors } from "../runtime/index.js";
import { mainName } from "./adversarial/index.js";
import { FRESH, loadCheckpoint, type RunState, type StateTensors, saveCheckpoint } from "./checkpoint.js";
import { weightsInLoss } from "./class-weights.js";
import { checkFinite, checkLoss, checkLossScale, diverged } from "./finite.js";
import { frozenParts } from "./groups.js";
import { stepsPerEpoch } from "./length.js";
import { nextRound } from "./next-round.js";
import { noiseFeeds } from "./noise.js";
import { normalizedFor } from "./normalization.js";
import { checkTrainOptions, optimizerOf, type TrainOptions } from "./options.js";
import { isMixed, trainingPictures } from "./pictures.js";
import { resolutionAt } from "./progressive.js";
import { type RecomputeOptions, recomputedParts, stepWithin } from "./recompute.js";
import { checkRounds, isOwn, type Rounds, roundNames, roundsOf, stepsOfReplica } from "./rounds.js";
import { openRun, type RunDirectory, type RunFile, sourceHash } from "./rundir.js";
import { learningRateAt } from "./schedule.js";
import { checkDevice } from "./self-check.js";
import { isOver, placed } from "./standing.js";
import { initialState, type StepGraph } from "./step.js";
import { type Lesson, lessonOf, type TrainingData } from "./student/lesson.js";
import type { EpochResult, TrainResult, TrainSurroundings } from "./surroundings.js";
import { trainedModel } from "./trained-model.js";
import { stepForm, trainingStep } from "./training-step.js";

/**
 * Trains a model, from whatever weights it has, and keeps everything in a directory: `options.json`, `metrics.jsonl` and
 * what follows from it (`metrics.csv`, TensorBoard's events), `checkpoint.safetensors`, `model/` (last) and `best/`. A run that was stopped at any moment goes on when it is called
 * again, and ends in the same bytes.
 * @throws {RequestError} for options that cannot be, or that are not those of the run in the directory
 * @throws {FailedError} where the loss is not finite; the last checkpoint stays
 */
export async function train(
  from: EfficientNet,
  data: TrainingData,
  options: TrainOptions,
  test: TestPreprocessing,
  surroundings: TrainSurroundings,
): Promise<TrainResult> {
  const resolved = checkRun(from, data, options, surroundings);
  const model = normalizedFor(from, resolved);
  const { rounds } = surroundings;
  if (rounds !== undefined) checkRounds(resolved, rounds);
  const steps = rounds ? stepsOfReplica(data.train, resolved, rounds) : stepsPerEpoch(data.train, resolved);
  const lesson = lessonOf(data, resolved);
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
    val: sourceHash(data.val),
    test: { ...test },
    taught: data.taught?.fingerprint ?? "",
    rounds: rounds ? roundsOf(rounds) : null,
    options: resolved,
  };
  const directory = await openRun(surroundings.directory, file, surroundings.config);
  const run = new Run(model, data, resolved, test, surroundings, directory, steps, lesson);
  try {
    return await run.complete();
  } finally {
    await directory.close();
    await run.dispose();
  }
}

/** Checks what a run is asked for, before there is a directory or a picture has been labelled. @throws {RequestError} for what cannot be */
export function checkRun(
  { arch }: Pick<EfficientNet, "arch">,
  { train }: Pick<TrainingData, "train">,
  options: TrainOptions,
  { recompute = "auto" }: RecomputeOptions,
): TrainOptions {
  const checked = checkTrainOptions(options);
  stepsPerEpoch(train, checked);
  frozenParts(arch, checked.freeze);
  recomputedParts(arch, recompute);
  return checked;
}

/** One run under way: its session, its place, and what it has found. */
class Run {
  private session: Session | null = null;
  /** What replicas begin with, where there are rounds. */
  private shared: StateTensors = {};
  private step: StepGraph | null = null;
  private resolution = 0;
  /** Whether the session has not run yet. */
  private isFresh = true;
  private state: RunState = FRESH;
  private readonly cache: PictureCache;
  private readonly progress: Progress;
  private trainedPictures = 0;
  private trainingMs = 0;

  constructor(
    private readonly model: EfficientNet,
    private readonly data: TrainingData,
    private readonly options: TrainOptions,
    private readonly test: TestPreprocessing,
    private readonly surroundings: TrainSurroundings,
    private readonly directory: RunDirectory,
    private readonly steps: number,
    private readonly lesson: Lesson,
  ) {
    const { progress = silent, cacheBytes = 2 ** 30 } = surroundings;
    this.cache = openPictureCache(cacheBytes);
    this.progress = progress;
  }

  async complete(): Promise<TrainResult> {
    const started = performance.now();
    const { options, directory } = this;
    await this.begin();
    while (!isOver(this.state.epoch, this.state.standing, options)) {
      await this.useResolution(resolutionAt(options, this.state.epoch));
      if (this.surroundings.rounds === undefined) await this.trainEpoch();
      else await this.trainRounds(this.surroundings.rounds);
      await this.endEpoch();
    }
    const { best, standing, epoch } = this.state;
    if (epoch < options.epochs)
      this.progress.note(
        `stopped after epoch ${epoch}: none was better in ${options.metric} than epoch ${best!.epoch}`,
      );
    return {
      run: this.surroundings.directory,
      model: directory.model,
      epochs: (await directory.metrics.epochs()) as EpochResult[],
      best: { ...best!, model: directory.best },
      kept: (options.keep > 0 ? standing : []).map((one) => ({ ...one, model: directory.kept(one.epoch) })),
      imagesPerSecond: this.trainedPictures === 0 ? null : this.trainedPictures / (this.trainingMs / 1000),
      seconds: (performance.now() - started) / 1000,
    };
  }

  async dispose(): Promise<void> {
    await this.session?.dispose();
  }

  private async begin(): Promise<void> {
    const { directory, options, model } = this;
    const found = directory.resumed ? await loadCheckpoint(directory.checkpoint) : null;
    if (found !== null) {
      this.state = found.run;
      const { step, epoch, standing } = this.state;
      this.progress.note(
        isOver(epoch, standing, options) ? "is complete already" : `goes on after step ${step} (epoch ${epoch + 1})`,
      );
    }
    await directory.metrics.rewind(this.state.metricsBytes);
    const { onEpoch } = this.surroundings;
    if (onEpoch !== undefined) for (const earlier of await directory.metrics.epochs()) onEpoch(earlier as EpochResult);
    await directory.keepOnly(options.keep > 0 ? this.state.standing.map(({ epoch }) => epoch) : []);
    await this.useResolution(resolutionAt(options, this.state.epoch), (step) =>
      found === null
        ? initialState(step, optimizerOf(options), (name) => model.tensors.get(mainName(name))!.data)
        : found.state(
            this.surroundings.rounds ? roundNames(step.state, step.trained, this.surroundings.rounds) : step.state,
          ),
    );
  }

  /** Makes ready for a resolution: a step graph and session of its own, which take over the state. */
  private async useResolution(resolution: number, start?: (step: StepGraph) => StateTensors): Promise<void> {
    if (resolution === this.resolution) return;
    const { model, options, data, surroundings } = this;
    const { device, threads } = surroundings;
    const form = await stepForm(device);
    const build = (recompute?: (part: string) => boolean) =>
      trainingStep(model, options, {
        ...form,
        resolution,
        mixed: isMixed(options),
        classWeights: weightsInLoss(options, data.train),
        recompute,
      });
    const step = stepWithin(build, model.arch, surroundings, this.progress);
    const state = start === undefined ? await this.session!.getState() : start(step);
    await this.session?.dispose();
    if (surroundings.rounds === undefined) {
      this.session = await openSession(step.program, { device, threads });
      await this.session.setState(state);
    } else this.shared = Object.fromEntries(Object.entries(state).filter(([name]) => !isOwn(name)));
    this.step = step;
    this.resolution = resolution;
    this.isFresh = true;
    if (options.earlierResolutions.length > 0)
      this.progress.note(`epoch ${this.state.epoch + 1}: crops of ${resolution} pixels`);
  }

  private async trainEpoch(): Promise<void> {
    const { epochs, seed, onBadImage } = this.options;
    const { source, rows, order } = this.lesson;
    const { signal, checkpointSeconds = 60 } = this.surroundings;
    const { epoch } = this.state;
    const total = this.steps * rows;
    const done = this.state.stepInEpoch * rows;
    const task = this.progress.start(`epoch ${epoch + 1}/${epochs}`, total, "pictures", done);
    let saved = performance.now();
    try {
      const batches = loadBatches(source, {
        transform: trainingPictures(this.options, {
          resolution: this.resolution,
          normalization: this.model.input,
          exifOrientation: this.test.exifOrientation,
        }),
        batchSize: rows,
        seed,
        epoch,
        shuffle: true,
        order: order(epoch),
        start: this.state.position,
        dropLast: true,
        onBadImage,
        cache: this.cache,
        signal,
      });
      for await (const batch of batches) {
        await this.trainStep(batch);
        task.advance(rows, `loss ${(this.state.lossSum / this.state.pictures).toFixed(3)}`);
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

  private async trainStep(batch: Batch): Promise<void> {
    const { state, options } = this;
    const { rows } = this.lesson;
    const started = performance.now();
    const step = state.step + 1;
    const learningRate = this.learningRate();
    const feeds = {
      ...this.lesson.feeds(batch, state.epoch),
      ...noiseFeeds(this.step!.noise, options.seed, step),
    };
    if (this.isFresh) await this.checkDevice(feeds);
    const { loss, correct, auxiliaryLoss, lossScale } = await this.session!.run({
      ...feeds,
      ...this.step!.scalars(step, learningRate),
    });
    const value = Number(loss![0]);
    checkLoss(value, step, learningRate);
    const adversarial = auxiliaryLoss === undefined ? {} : { adversarialLoss: Number(auxiliaryLoss[0]) };
    checkLoss(adversarial.adversarialLoss ?? 0, step, learningRate);
    const scaling = lossScale === undefined ? {} : { lossScale: Number(lossScale[0]) };
    checkLossScale(scaling.lossScale, step, learningRate);
    this.state = {
      ...state,
      step,
      stepInEpoch: state.stepInEpoch + 1,
      position: batch.end,
      pictures: state.pictures + rows,
      lossSum: state.lossSum + value * rows,
      correctSum: state.correctSum + Number(correct![0]),
      badPictures: state.badPictures + batch.bad.length,
    };
    this.trainedPictures += rows;
    this.trainingMs += performance.now() - started;
    const metricsBytes = await this.directory.metrics.log({
      kind: "step",
      step,
      epoch: state.epoch + 1,
      learningRate,
      loss: value,
      ...adversarial,
      ...scaling,
    });
    this.state = { ...this.state, metricsBytes };
  }

  /** An epoch of rounds, each with a checkpoint at its end. */
  private async trainRounds(rounds: Rounds): Promise<void> {
    const { options, steps, surroundings, directory } = this;
    const each = options.batchSize * rounds.replicas;
    const { epoch, stepInEpoch: done } = this.state;
    const task = this.progress.start(`epoch ${epoch + 1}/${options.epochs}`, steps * each, "pictures", done * each);
    try {
      while (this.state.stepInEpoch < steps) {
        const started = performance.now();
        const before = this.state.pictures;
        const { signal } = surroundings;
        const { state, shared, rows } = await nextRound(rounds, this.state, this.shared, {
          ...{ perEpoch: steps, options, trained: this.step!.trained, signal },
        });
        [this.state, this.shared] = [state, shared];
        for (const row of rows) this.state = { ...this.state, metricsBytes: await directory.metrics.log(row) };
        await this.save();
        await rounds.kept(this.state.replicas);
        this.trainedPictures += this.state.pictures - before;
        this.trainingMs += performance.now() - started;
        task.advance(this.state.pictures - before, `loss ${(this.state.lossSum / this.state.pictures).toFixed(3)}`);
      }
    } finally {
      task.end();
    }
  }

  private async current(): Promise<StateTensors> {
    return this.session === null ? this.shared : this.session.getState();
  }

  private async checkDevice(feeds: Tensors): Promise<void> {
    const { session, step, surroundings, progress } = this;
    await checkDevice({
      ...surroundings,
      ...{ session: session!, step: step!, feeds, run: this.options.accumulate, progress },
    });
    this.isFresh = false;
  }

  /** Of the step to come, or of an earlier one. */
  private learningRate(ago = 0): number {
    const { epoch, stepInEpoch } = this.state;
    return learningRateAt({ ...this.options, name: this.options.schedule }, epoch + (stepInEpoch - ago) / this.steps);
  }

  /** Evaluates, writes the models, and only then the checkpoint: a run killed between them does the same again. */
  private async endEpoch(): Promise<void> {
    const { state, options, directory } = this;
    const epoch = state.epoch + 1;
    const tensors = await this.current();
    checkFinite(tensors, state.step, this.learningRate(1));
    const training = { source: this.data.train, options, test: this.test, taught: this.data.taught };
    const trained = trainedModel(this.model, tensors, epoch, training);
    const { top1, top5, loss, n, ci95 } = await this.validated(trained, epoch);
    const result: EpochResult = {
      epoch,
      trainLoss: state.lossSum / state.pictures,
      trainTop1: state.correctSum / state.pictures,
      learningRate: this.learningRate(1),
      badPictures: state.badPictures,
      val: { top1, top5, loss, n, ci95 },
    };
    const metricsBytes = await directory.metrics.log({ kind: "epoch", step: state.step, ...result });
    this.surroundings.onEpoch?.(result);
    const one = { epoch, value: result.val[options.metric] };
    const standing = placed(state.standing, one, options.metric, options.keep);
    const improved = standing[0]!.epoch === epoch;
    if (improved) await saveModel(directory.best, trained);
    if (options.keep > 0 && standing.includes(one)) await saveModel(directory.kept(epoch), trained);
    if (isOver(epoch, standing, options)) await saveModel(directory.model, trained);
    const best = improved ? { epoch, top1 } : state.best;
    this.state = { ...FRESH, step: state.step, epoch, metricsBytes, best, standing, replicas: state.replicas };
    await saveCheckpoint(directory.checkpoint, tensors, this.state);
    if (options.keep > 0) await directory.keepOnly(standing.map((kept) => kept.epoch));
    this.progress.note(
      `epoch ${epoch}/${options.epochs}: train loss ${result.trainLoss.toFixed(3)}, top-1 ${percent(result.trainTop1)}; validation loss ${loss.toFixed(3)}, top-1 ${percent(top1)}`,
    );
  }

  /** @throws {FailedError} where finite weights make numbers that are not */
  private async validated(trained: EfficientNet, epoch: number): Promise<Evaluation> {
    const { options, surroundings } = this;
    try {
      return await evaluate(trained, this.data.val, {
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
    } catch (error) {
      if (!(error instanceof NotFiniteError)) throw error;
      throw diverged("a logit of the validation is no longer finite", this.state.step, this.learningRate(1));
    }
  }

  private async save(): Promise<void> {
    const tensors = await this.current();
    checkFinite(tensors, this.state.step, this.learningRate(1));
    await saveCheckpoint(this.directory.checkpoint, tensors, this.state);
  }
}
