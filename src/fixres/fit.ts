import { FailedError, RequestError } from "../errors.js";
import type { Scored } from "../evaluate/index.js";
import { type Accuracy, scoreLogits, tally } from "../evaluate/pure.js";
import type { Model } from "../models/index.js";
import type { TypedArray } from "../onnx/index.js";
import type { Progress } from "../progress.js";
import type { SessionOptions } from "../runtime/index.js";
import { type Program, runEach, type Session } from "../runtime/pure.js";
import { initialState, isKept, learningRateAt, type StepGraph, sgd } from "../train/pure.js";
import type { FeatureBatch } from "./features/features.js";
import type { TuneOptions } from "./options.js";
import type { SolveReport } from "./solver/index.js";
import { type Division, topProgram, topStep } from "./top.js";

/** How far a training of the top has come, after whole epochs. */
export interface FitState {
  /** Parameters, running statistics and optimizer slots, by name. */
  readonly tensors: Readonly<Record<string, Float32Array>>;
  /** Mean training loss of each epoch. */
  readonly losses: readonly number[];
  /** Accuracy before the first epoch and after each, on the pictures that an epoch is chosen by; empty where none is chosen. */
  readonly judged: readonly Accuracy[];
}

/** The same while it goes on, with its tensors where they are asked for. */
export interface FitSoFar extends Omit<FitState, "tensors"> {
  tensors(): Promise<FitState["tensors"]>;
}

/** What a training of the top is given. */
export interface FitOptions extends Pick<SessionOptions, "device" | "threads"> {
  readonly division: Division;
  readonly start: Model;
  readonly options: TuneOptions;
  /** Full batches of an epoch, from 1 on, in its order. */
  readonly batches: (epoch: number) => AsyncIterable<FeatureBatch>;
  /** Every picture once, in the order of the source, in batches of a size. */
  readonly all: (batchSize: number) => AsyncIterable<FeatureBatch>;
  /** Pictures of an epoch, for the progress. */
  readonly pictures: number;
  /** Batches of the pictures that each epoch is judged by, and the division that they are of. */
  readonly judges?: { readonly division: Division; readonly batches: () => AsyncIterable<FeatureBatch> };
  /** Opens a session, which whoever gave this disposes of. */
  readonly open: (program: Program) => Promise<Session>;
  /** Where an earlier run has ended. */
  readonly resumed?: FitState;
  /** Called after each epoch. */
  readonly keep?: (state: FitSoFar) => Promise<void>;
  /** What stands before `epoch 1/30` in the progress. */
  readonly task?: string;
  /** What a solver may hold in memory. */
  readonly memoryBytes: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

export interface Fit extends FitState {
  /** Of the epochs of this run. */
  readonly epochSeconds: readonly number[];
  /** What a solver tells of its optimum; null for SGD. */
  readonly solved: SolveReport | null;
}

/** SGD with momentum over features, as published (arXiv 1906.06423, section 4.2). @throws {FailedError} where the loss is not finite */
export async function fitBySgd(given: FitOptions): Promise<Fit> {
  const { division, start, options, open, resumed, progress } = given;
  const { batchSize, labelSmoothing, momentum, weightDecay, epochs, decayEpochs } = options;
  const optimizer = sgd({ momentum, weightDecay });
  const step = topStep(division, start, { optimizer, labelSmoothing });
  const session = await open(step.program);
  await session.setState(resumed?.tensors ?? initialState(step, optimizer, (name) => start.tensors.get(name)!.data));
  const judge = await openJudge(given, new Set(step.state.filter((name) => !isKept(name))));
  const learningRate = (8 * options.baseLearningRate * batchSize) / 512;
  const losses = [...(resumed?.losses ?? [])];
  const judged = [...(resumed?.judged ?? [])];
  if (judge !== null && judged.length === 0) judged.push(await judge(await session.getState()));
  const epochSeconds: number[] = [];
  const tensors = async (): Promise<FitState["tensors"]> => (await session.getState()) as FitState["tensors"];
  for (let epoch = losses.length + 1; epoch <= epochs; epoch++) {
    const started = performance.now();
    const rate = learningRateAt({ name: "step", learningRate, epochs, decayEpochs }, epoch - 1);
    const task = progress.start(`${given.task ?? ""}epoch ${epoch}/${epochs}`, given.pictures, "pictures");
    try {
      losses.push(
        await epochOf(session, step, given.batches(epoch), { epoch, rate, base: options.baseLearningRate }, task),
      );
    } finally {
      task.end();
    }
    if (judge !== null) judged.push(await judge(await session.getState()));
    epochSeconds.push((performance.now() - started) / 1000);
    await given.keep?.({ losses, judged, tensors });
  }
  return { tensors: await tensors(), losses, judged, epochSeconds, solved: null };
}

/** One epoch. @returns its mean loss */
async function epochOf(
  session: Session,
  step: StepGraph,
  batches: AsyncIterable<FeatureBatch>,
  { epoch, rate, base }: { readonly epoch: number; readonly rate: number; readonly base: number },
  task: ReturnType<Progress["start"]>,
): Promise<number> {
  const scalars = step.scalars(1, rate);
  let [sum, steps] = [0, 0];
  const feeds = ({ features, labels }: FeatureBatch) => ({ ...features, labels, ...scalars });
  for await (const { batch, results } of runEach(session, batches, feeds, ({ features }) => Object.keys(features))) {
    const loss = Number(results.loss![0]);
    steps++;
    if (!Number.isFinite(loss)) {
      throw new FailedError(
        `the loss is ${loss} at step ${steps} of epoch ${epoch}; nothing was written. Try a lower base learning rate than ${base}.`,
      );
    }
    sum += loss;
    task.advance(batch.count, `loss ${(sum / steps).toFixed(3)}`);
  }
  if (steps === 0)
    throw new RequestError("the pictures that are trained on do not fill one batch; give a smaller batch size.");
  return sum / steps;
}

/**
 * Opens what says how good parameters are, by the pictures that judge; null where none do.
 * @param fed - names of the parameters that differ from the model's
 */
export async function openJudge(
  { start, judges, open }: Pick<FitOptions, "start" | "judges" | "open">,
  fed: ReadonlySet<string>,
): Promise<((state: Readonly<Record<string, TypedArray>>) => Promise<Accuracy>) | null> {
  if (judges === undefined) return null;
  const session = await open(topProgram(judges.division, start, fed));
  return async (state) => {
    const parameters = Object.fromEntries([...fed].map((name) => [name, state[name]!]));
    const sums = tally();
    for await (const { scores, samples } of scoredFeatures(session, judges.batches(), start.classes.length, parameters))
      sums.add(scores, samples);
    return sums.result();
  };
}

/** The scores of features by a top. @param fed - parameters that it is fed */
export async function* scoredFeatures(
  session: Session,
  batches: AsyncIterable<FeatureBatch>,
  classes: number,
  fed: Readonly<Record<string, unknown>> = {},
): AsyncGenerator<Pick<Scored, "scores" | "samples"> & { readonly count: number }> {
  const feeds = ({ features }: FeatureBatch) => ({ ...features, ...fed }) as FeatureBatch["features"];
  for await (const { batch, results } of runEach(session, batches, feeds, ({ features }) => Object.keys(features))) {
    const { labels, samples, count } = batch;
    yield { scores: scoreLogits(results.logits as Float32Array, labels, count, classes), samples, count };
  }
}
