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
import { correctCount, crossEntropy } from "./loss.js";
import type { Optimizer } from "./optimizers.js";

/** Weight of the old running statistic when a batch's comes in (PyTorch's momentum is 1 minus this). */
export const STAT_DECAY = 0.9;

export interface StepOptions {
  readonly optimizer: Optimizer;
  readonly labelSmoothing: number;
  /** Which parameters move; running statistics always follow the BatchNorms that are in training mode. */
  readonly trainable: (parameter: string) => boolean;
  /** Whether a parameter is subject to weight decay; all are unless given. */
  readonly decays?: (parameter: string) => boolean;
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
  /** Names of all that the session carries: parameters, running statistics, optimizer slots. */
  readonly state: readonly string[];
  readonly noise: readonly Noise[];
}

/** Name of an optimizer slot in the state. */
export const slotName = (parameter: string, slot: string): string => `optimizer/${slot}/${parameter}`;

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
  { optimizer, labelSmoothing, trainable, decays = () => true }: StepOptions,
): StepGraph {
  const loss = crossEntropy(b, network.logits, labels, labelSmoothing);
  const parameters = parametersFor([loss]);
  const statistics = runningStatistics(b, network.statistics);
  const trained = parameters.filter(({ name }) => trainable(name) && !statistics.has(name) && !isStatistic(name));
  const scalars = Object.fromEntries(
    Object.keys(optimizer.scalars(1, 1)).map((name) => [name, b.input(`step/${name}`, "float32", [])]),
  );
  const grads = gradients(b, loss, trained);

  const slots: Value[] = [];
  const next = new Map<string, Value>();
  trained.forEach((parameter, i) => {
    // As vectors: ONNX Runtime multiplies [1152, 192, 1, 1] by a scalar 25 times slower than it does [221184].
    const vector = [elements(parameter.shape)];
    const own = optimizer.slots.map((slot) => b.input(slotName(parameter.name, slot.name), "float32", vector));
    const moved = b.scope("optimizer", () =>
      optimizer.update(b, {
        parameter: b.reshape(parameter, vector),
        gradient: b.reshape(grads[i]!, vector),
        slots: own,
        scalars,
        weightDecay: decays(parameter.name) ? optimizer.weightDecay : 0,
      }),
    );
    next.set(parameter.name, b.reshape(moved.parameter, parameter.shape));
    own.forEach((slot, j) => {
      next.set(slot.name, moved.slots[j]!);
    });
    slots.push(...own);
  });
  for (const [name, value] of statistics) next.set(name, value);

  const carried = Object.fromEntries([...next.keys()].map((name) => [name, `next/${name}`]));
  const graph = withoutExpands({
    name: "training step",
    inputs: [...inputs, labels, ...network.noise.map(({ input }) => input), ...Object.values(scalars), ...slots],
    outputs: {
      loss,
      correct: correctCount(b, network.logits, labels),
      ...Object.fromEntries([...next].map(([name, value]) => [`next/${name}`, value])),
    },
  });
  const model = serialize(graph, {
    bind: ({ name }) => (next.has(name) ? { kind: "input" } : { kind: "data", data: weights(name) }),
  });
  return {
    graph,
    program: { model, carried },
    trained: trained.map(({ name }) => name),
    state: [...next.keys()],
    noise: network.noise,
  };
}

/** The state before the first step: parameters from the model, slots as the optimizer starts them. */
export function initialState(
  step: StepGraph,
  optimizer: Optimizer,
  weights: (parameter: string) => TypedArray,
): Record<string, TypedArray> {
  const state: Record<string, TypedArray> = {};
  for (const name of step.state) if (!name.startsWith("optimizer/")) state[name] = weights(name);
  for (const name of step.trained) {
    for (const slot of optimizer.slots)
      state[slotName(name, slot.name)] = new Float32Array(state[name]!.length).fill(slot.initial);
  }
  return state;
}

const isStatistic = (name: string): boolean => name.endsWith(".running_mean") || name.endsWith(".running_var");

/** The running statistics after the batch, by parameter name; the variance from the unbiased one, as PyTorch keeps it. */
function runningStatistics(b: GraphBuilder, statistics: readonly BatchStatistics[]): Map<string, Value> {
  const blend = (old: Value, batch: Value, weight: number): Value =>
    b.add(b.scale(old, STAT_DECAY), b.scale(batch, weight));
  return new Map(
    statistics.flatMap(({ mean, variance, count, runningMean, runningVariance }) => [
      [runningMean.name, blend(runningMean, mean, 1 - STAT_DECAY)],
      // One element a channel has no unbiased variance; its biased one, 0, is kept.
      [runningVariance.name, blend(runningVariance, variance, ((1 - STAT_DECAY) * count) / Math.max(count - 1, 1))],
    ]),
  );
}
