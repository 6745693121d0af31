import { gradients } from "../autodiff/index.js";
import type { BatchStatistics, Network, Noise } from "../models/index.js";
import {
  elements,
  type Graph,
  type GraphBuilder,
  parametersFor,
  serialize,
  type TypedArray,
  type Value,
  withoutExpands,
} from "../onnx/index.js";
import type { Program } from "../runtime/index.js";
import { type AverageOptions, averageName, averageShare } from "./average.js";
import { correctCount, crossEntropy, type LossOptions } from "./loss.js";
import { norm, type Optimizer } from "./optimizers.js";

/** Weight of the old running statistic when a batch's comes in (PyTorch's momentum is 1 minus this), unless another is asked for. */
export const STAT_DECAY = 0.9;

export interface StepOptions extends LossOptions {
  readonly optimizer: Optimizer;
  readonly labelSmoothing: number;
  /** Which parameters move; running statistics always follow the BatchNorms that are in training mode. */
  readonly trainable: (parameter: string) => boolean;
  /** Whether a parameter is subject to weight decay; all are unless given. */
  readonly decays?: (parameter: string) => boolean;
  /** What a parameter's learning rate is multiplied by; 1 unless given. */
  readonly rateFactor?: (parameter: string) => number;
  /** `STAT_DECAY` unless given. */
  readonly statDecay?: number;
  /** The largest norm of all gradients together, as they are used; no bound unless given. */
  readonly clipNorm?: number;
  /** Runs whose mean gradient makes one update; 1 unless given. */
  readonly accumulate?: number;
  /** Keeps the moving average of all that moves; none unless given. */
  readonly average?: AverageOptions;
}

/**
 * One training step as one graph. A run takes a batch, the step's scalars and the noise, moves the state that the
 * session carries, and gives the loss and the number of correct pictures.
 */
export interface StepGraph {
  readonly graph: Graph;
  readonly program: Program;
  /** Names of the parameters that the state holds and the optimizer moves, in graph order. */
  readonly trained: readonly string[];
  /** Names of all that the session carries: parameters, running statistics, optimizer slots, averages, gathered gradients. */
  readonly state: readonly string[];
  readonly noise: readonly Noise[];
  /** What a run is fed besides batch and noise. @param run - from 1; every `accumulate`th one updates the parameters */
  scalars(run: number, learningRate: number): Readonly<Record<string, Float32Array>>;
}

/** Name of an optimizer slot in the state. */
export const slotName = (parameter: string, slot: string): string => `optimizer/${slot}/${parameter}`;

const gatheredName = (parameter: string): string => `gathered/${parameter}`;

/** What a step graph carries from run to run: each input's next value. */
type Next = Map<Value, Value>;

/**
 * Writes the step: loss, its gradients, the optimizer's update of every trainable parameter, and the running statistics.
 * @param network - built in training mode  @param inputs - the graph's inputs, pictures or features first
 * @param labels - int32 [N]
 * @param weights - values of the parameters that do not move, which become constants of the graph
 */
export function stepGraph(
  b: GraphBuilder,
  network: Pick<Network, "logits" | "statistics" | "noise">,
  inputs: readonly Value[],
  labels: Value,
  weights: (parameter: string) => TypedArray,
  options: StepOptions,
): StepGraph {
  const {
    optimizer,
    labelSmoothing,
    trainable,
    statDecay = STAT_DECAY,
    mix,
    targets,
    accumulate = 1,
    average,
  } = options;
  const loss = crossEntropy(b, network.logits, labels, labelSmoothing, options);
  const parameters = parametersFor([loss]);
  const statistics = runningStatistics(b, network.statistics, statDecay);
  const measured = new Set([...statistics.keys()].map(({ name }) => name));
  const trained = parameters.filter(({ name }) => trainable(name) && !measured.has(name) && !isStatistic(name));

  const feeds = (run: number, learningRate: number): Record<string, number> => ({
    ...optimizer.scalars(Math.ceil(run / accumulate), learningRate),
    ...(accumulate > 1 ? { updates: Number(run % accumulate === 0) } : {}),
    ...(average ? { averageShare: run % accumulate === 0 ? averageShare(average, run / accumulate) : 0 } : {}),
  });
  const scalars = Object.fromEntries(
    Object.keys(feeds(accumulate, 1)).map((name) => [name, b.input(`step/${name}`, "float32", [])]),
  );
  const next: Next = new Map(updates(b, trained, gradients(b, loss, trained), scalars, options));
  for (const [statistic, value] of statistics) next.set(statistic, value);
  if (average) for (const [old, value] of [...next]) follow(b, next, old, value, scalars.averageShare!);

  const carried = Object.fromEntries([...next.keys()].map(({ name }) => [name, `next/${name}`]));
  const graph = withoutExpands({
    name: "training step",
    inputs: [
      ...[...inputs, labels, ...(mix ? [mix.otherLabels, mix.share] : []), ...(targets ? [targets] : [])],
      ...[...network.noise.map(({ input }) => input), ...Object.values(scalars)],
      ...[...next.keys()].filter(({ source }) => source.kind === "input"),
    ],
    outputs: {
      loss,
      correct: correctCount(b, network.logits, labels),
      ...Object.fromEntries([...next].map(([{ name }, value]) => [`next/${name}`, value])),
    },
  });
  const model = serialize(graph, {
    bind: ({ name }) => (name in carried ? { kind: "input" } : { kind: "data", data: weights(name) }),
  });
  return {
    graph,
    program: { model, carried },
    trained: trained.map(({ name }) => name),
    state: Object.keys(carried),
    noise: network.noise,
    scalars: (run, learningRate) =>
      Object.fromEntries(
        Object.entries(feeds(run, learningRate)).map(([name, value]) => [`step/${name}`, Float32Array.of(value)]),
      ),
  };
}

/** The next value of each trained parameter, of its slots, and of its gathered gradient. */
function* updates(
  b: GraphBuilder,
  trained: readonly Value[],
  grads: readonly Value[],
  scalars: Readonly<Record<string, Value>>,
  { optimizer, decays = () => true, rateFactor = () => 1, clipNorm, accumulate = 1 }: StepOptions,
): Generator<[Value, Value]> {
  // As vectors: ONNX Runtime multiplies [1152, 192, 1, 1] by a scalar 25 times slower than it does [221184].
  const flat = (v: Value): Value => b.reshape(v, [elements(v.shape)]);
  const slot = (name: string, { shape }: Value): Value => b.input(name, "float32", [elements(shape)]);
  let used = grads.map(flat);
  /** What a run that updates gives; what there was, in the others. */
  let chosen = (now: Value, _: Value): Value => now;
  if (accumulate > 1) {
    const gathered = trained.map((parameter) => slot(gatheredName(parameter.name), parameter));
    used = used.map((gradient, i) => b.add(gathered[i]!, b.scale(gradient, 1 / accumulate)));
    const updating = b.greater(scalars.updates!, b.scalar(0.5));
    chosen = (now, before) => b.where(updating, now, before);
    for (const [i, own] of gathered.entries()) yield [own, chosen(b.scale(own, 0), used[i]!)];
  }
  if (clipNorm !== undefined && used.length > 0) used = clipped(b, used, clipNorm);
  for (const [i, parameter] of trained.entries()) {
    const { name, shape } = parameter;
    const slots = optimizer.slots.map((own) => slot(slotName(name, own.name), parameter));
    const factor = rateFactor(name);
    const moved = b.scope("optimizer", () =>
      optimizer.update(b, {
        parameter: flat(parameter),
        gradient: used[i]!,
        slots,
        scalars: factor === 1 ? scalars : { ...scalars, learningRate: b.scale(scalars.learningRate!, factor) },
        weightDecay: decays(name) ? optimizer.weightDecay : 0,
      }),
    );
    yield [parameter, b.reshape(chosen(moved.parameter, flat(parameter)), shape)];
    for (const [j, own] of slots.entries()) yield [own, chosen(moved.slots[j]!, own)];
  }
}

/** Gradients made shorter together where their norm is above `most`, as PyTorch does it (arXiv 1211.5063). */
function clipped(b: GraphBuilder, grads: readonly Value[], most: number): Value[] {
  const length = b.add(norm(b, grads), b.scalar(1e-6));
  const factor = b.op("Clip", [b.div(b.scalar(most), length), b.scalar(0), b.scalar(1)])[0]!;
  return grads.map((gradient) => b.mul(gradient, factor));
}

/** Adds the moving average of a value: a + share (value - a). */
function follow(b: GraphBuilder, next: Next, { name, source }: Value, value: Value, share: Value): void {
  if (source.kind !== "parameter") return;
  const vector = [elements(value.shape)];
  const old = b.input(averageName(name), "float32", vector);
  next.set(old, b.add(old, b.mul(b.sub(b.reshape(value, vector), old), share)));
}

/** The state before the first step: parameters from the model, slots as the optimizer starts them, averages at the parameters. */
export function initialState(
  step: StepGraph,
  optimizer: Optimizer,
  weights: (parameter: string) => TypedArray,
): Record<string, TypedArray> {
  const state: Record<string, TypedArray> = {};
  for (const name of step.state) if (!isKept(name)) state[name] = weights(name);
  for (const name of step.trained) {
    const { length } = state[name]!;
    for (const slot of optimizer.slots) state[slotName(name, slot.name)] = new Float32Array(length).fill(slot.initial);
    if (step.state.includes(gatheredName(name))) state[gatheredName(name)] = new Float32Array(length);
  }
  for (const name of Object.keys(state))
    if (step.state.includes(averageName(name))) state[averageName(name)] = state[name]!;
  return state;
}

/** True for what a step keeps besides the network's own tensors. */
export const isKept = (name: string): boolean => /^(optimizer|average|gathered)\//.test(name);

const isStatistic = (name: string): boolean => name.endsWith(".running_mean") || name.endsWith(".running_var");

/** The running statistics after the batch; the variance from the unbiased one, as PyTorch keeps it. */
function runningStatistics(b: GraphBuilder, statistics: readonly BatchStatistics[], decay: number): Map<Value, Value> {
  const blend = (old: Value, batch: Value, weight: number): Value => b.add(b.scale(old, decay), b.scale(batch, weight));
  return new Map(
    statistics.flatMap(({ mean, variance, count, runningMean, runningVariance }) => [
      [runningMean, blend(runningMean, mean, 1 - decay)],
      // One element a channel has no unbiased variance; its biased one, 0, is kept.
      [runningVariance, blend(runningVariance, variance, ((1 - decay) * count) / Math.max(count - 1, 1))],
    ]),
  );
}
