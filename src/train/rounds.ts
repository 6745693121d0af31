import { RequestError } from "../errors.js";
import type { TypedArray } from "../onnx/index.js";
import type { StateTensors } from "./checkpoint.js";
import { stepsPerEpoch } from "./length.js";
import type { TrainOptions } from "./options.js";

/**
 * How a run is cut into rounds. In each, every replica begins with the same state and takes `localSteps` steps by itself on pictures of its own
 * (local SGD, arXiv 1805.09767, algorithm 1); then parameters, statistics and averages become the replicas' mean, and an outer step
 * with momentum is taken along what the mean has moved (SlowMo, 1910.00643, algorithm 1; DiLoCo, 2311.08105, algorithm 1).
 */
export interface RoundOptions {
  /** H, steps of a replica between two averages. */
  readonly localSteps: number;
  /** N, replicas. They are a part of what is computed; workers, of any number, are not. */
  readonly replicas: number;
  /** Of the outer step; 1, with no momentum, takes the mean as it is. DiLoCo's: 0.7. */
  readonly outerLearningRate: number;
  /** Weight of the old outer momentum. DiLoCo's: 0.9. */
  readonly outerMomentum: number;
}

/** What a round asks of the replicas. */
export interface RoundRequest {
  /** From 0. */
  readonly epoch: number;
  /** Steps of the epoch that each replica has done, does now, and does in all. */
  readonly first: number;
  readonly steps: number;
  readonly perEpoch: number;
  /** Parameters, statistics and averages that all begin with. */
  readonly shared: StateTensors;
  /** Where each replica's own state is, as the round before gave it; none before the first round. */
  readonly replicas: readonly string[];
  readonly signal?: AbortSignal;
}

/** What a replica gives back. */
export interface ReplicaResult {
  /** Where its whole state is kept: the optimizer's slots stay the replica's own, as in DiLoCo. */
  readonly place: string;
  readonly shared: StateTensors;
  /** By step: the mean loss, and how many pictures were right. */
  readonly loss: ArrayLike<number>;
  readonly correct: ArrayLike<number>;
}

/** Rounds, and who carries them out. */
export interface Rounds extends RoundOptions {
  /** @returns what each replica gave, in their order */
  run(request: RoundRequest): Promise<readonly ReplicaResult[]>;
  /** Called once a checkpoint holds what the last round gave, so that what came before it may go. */
  kept(replicas: readonly string[]): Promise<void>;
}

/** @throws {RequestError} where options do not go together with rounds, or there are too few pictures */
export function checkRounds(options: TrainOptions, rounds: RoundOptions): void {
  const { localSteps, replicas, outerLearningRate, outerMomentum } = rounds;
  const fail = (text: string): never => {
    throw new RequestError(text);
  };
  if (!(outerLearningRate > 0)) fail(`outerLearningRate is ${outerLearningRate}; give one above 0.`);
  if (!(outerMomentum >= 0 && outerMomentum < 1)) fail(`outerMomentum is ${outerMomentum}; give 0 to 1, without 1.`);
  if (!Number.isInteger(localSteps) || localSteps < 1) fail(`localSteps is ${localSteps}; give a whole number from 1.`);
  if (!Number.isInteger(replicas) || replicas < 1) fail(`replicas is ${replicas}; give a whole number from 1.`);
  if (localSteps % options.accumulate !== 0)
    fail(
      `accumulate is ${options.accumulate}, which does not divide the ${localSteps} local steps; let it divide them.`,
    );
  if (options.unlabelledRatio > 0) fail("a student is not trained by a queue; leave out --queue, or the teacher.");
  if (options.earlierResolutions.length > 0)
    fail("a run by a queue has one resolution; give --resolution one, or leave out --queue.");
  if (options.onBadImage !== "fail")
    fail(
      `onBadImage is "${options.onBadImage}", but replicas need pictures of a known number; leave it out with --queue.`,
    );
}

/** The options alone, as a run's directory keeps them. */
export const roundsOf = ({ localSteps, replicas, outerLearningRate, outerMomentum }: RoundOptions): RoundOptions => ({
  ...{ localSteps, replicas, outerLearningRate, outerMomentum },
});

/** Steps of each replica in an epoch, whole updates: what does not go evenly into them is left out, as a last batch is. */
export function stepsOfReplica(
  source: Parameters<typeof stepsPerEpoch>[0],
  options: TrainOptions,
  { replicas }: Pick<RoundOptions, "replicas">,
): number {
  const all = stepsPerEpoch(source, options);
  const each = Math.floor(all / (replicas * options.accumulate)) * options.accumulate;
  if (each > 0) return each;
  throw new RequestError(
    `an epoch has ${all} steps, too few for an update of each of ${replicas} replicas; give fewer --replicas or a smaller --batch-size.`,
  );
}

const OUTER = "outer/";

/** Name of a parameter's outer momentum. */
export const outerName = (parameter: string): string => `${OUTER}${parameter}`;

/** Whether a tensor of a step's state is the replica's own: the optimizer's slots, gathered gradients, the scale of the loss. */
export const isOwn = (name: string): boolean => /^(optimizer|gathered|scaling)\//.test(name);

/** What all replicas begin a round with. */
export const sharedPart = (state: StateTensors): StateTensors =>
  Object.fromEntries(Object.entries(state).filter(([name]) => !isOwn(name) && !name.startsWith(OUTER)));

/** The mean of the replicas' tensors, summed in float64 in their order. */
export const meanOf = (tensors: readonly TypedArray[]): Float64Array =>
  Float64Array.from(
    { length: tensors[0]!.length },
    (_, i) => tensors.reduce((sum, own) => sum + Number(own[i]), 0) / tensors.length,
  );

/**
 * The outer step. With delta = old - mean, the outer gradient, and mu the momentum: m' = mu m + delta, and new = old - rate (delta + mu m'),
 * which is Nesterov's form that DiLoCo takes (2311.08105, section 2). Statistics and moving averages become the mean as it is.
 * @param trained - names of the parameters that are trained
 */
export function outerStep(
  old: StateTensors,
  replicas: readonly StateTensors[],
  trained: readonly string[],
  { outerLearningRate: rate, outerMomentum: mu }: Pick<RoundOptions, "outerLearningRate" | "outerMomentum">,
): StateTensors {
  const moved: Record<string, TypedArray> = {};
  const isTrained = new Set(trained);
  for (const name of Object.keys(sharedPart(old))) {
    const mean = meanOf(replicas.map((state) => state[name]!));
    if (!isTrained.has(name)) {
      moved[name] = Float32Array.from(mean);
      continue;
    }
    const momentum = new Float32Array(mean.length);
    const before = old[outerName(name)];
    // As mean + (1 - rate) delta - rate mu m', so that the mean is exact at rate 1 without momentum.
    moved[name] = Float32Array.from(mean, (value, i) => {
      const delta = Number(old[name]![i]) - value;
      momentum[i] = mu * Number(before?.[i] ?? 0) + delta;
      return value + (1 - rate) * delta - rate * mu * momentum[i]!;
    });
    if (mu > 0) moved[outerName(name)] = momentum;
  }
  return moved;
}

/** Names of the tensors that a run by rounds carries, and that its checkpoint holds. */
export const roundNames = (
  state: readonly string[],
  trained: readonly string[],
  { outerMomentum }: Pick<RoundOptions, "outerMomentum">,
): string[] => [...state.filter((name) => !isOwn(name)), ...(outerMomentum > 0 ? trained.map(outerName) : [])];

/** By step of a round: the replicas' mean loss, and their sum of what was right. */
export function roundMetrics(results: readonly ReplicaResult[], step: number): { loss: number; correct: number } {
  const sum = (numbers: (result: ReplicaResult) => ArrayLike<number>): number =>
    results.reduce((total, result) => total + numbers(result)[step]!, 0);
  return { loss: sum(({ loss }) => loss) / results.length, correct: sum(({ correct }) => correct) };
}
