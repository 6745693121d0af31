import { RequestError } from "../errors.js";
import type { GraphBuilder, Value } from "../onnx/index.js";

/** Numbers that change from step to step and are fed as scalars. */
export type StepScalars = Readonly<Record<string, number>>;

/** A tensor that the optimizer keeps for each parameter, of its shape. */
export interface Slot {
  readonly name: string;
  /** Every element before the first step. */
  readonly initial: number;
}

/** One parameter's update as graph: the parameter, its gradient and slots, and what is fed. */
export interface Update {
  readonly parameter: Value;
  readonly gradient: Value;
  readonly slots: readonly Value[];
  readonly scalars: Readonly<Record<string, Value>>;
  readonly weightDecay: number;
}

/** A rule that moves parameters along their gradients, written into the training graph. */
export interface Optimizer {
  readonly name: OptimizerName;
  readonly slots: readonly Slot[];
  readonly weightDecay: number;
  /** What is fed at a step; `learningRate` is the only one that follows the rate. @param step - from 1 */
  scalars(step: number, learningRate: number): StepScalars;
  /** The parameter and the slots after the step. */
  update(b: GraphBuilder, update: Update): { parameter: Value; slots: Value[] };
}

export const OPTIMIZERS = ["sgd", "rmsprop", "adamw", "lamb"] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

/** Options of all optimizers; each takes those that it has. */
export interface OptimizerOptions {
  readonly momentum?: number;
  readonly weightDecay?: number;
  /** RMSProp: weight of the old square average. */
  readonly decay?: number;
  readonly epsilon?: number;
  /** AdamW and LAMB: weights of the old first and second moments. */
  readonly betas?: readonly [number, number];
}

/** L2 regularisation as part of the gradient: g + d p. */
const decayed = (b: GraphBuilder, { parameter, gradient, weightDecay }: Update): Value =>
  weightDecay === 0 ? gradient : b.add(gradient, b.scale(parameter, weightDecay));

/** SGD with momentum as PyTorch has it: v = μ v + g + d p; p = p - lr v. */
export function sgd({ momentum = 0.9, weightDecay = 0 }: OptimizerOptions = {}): Optimizer {
  return {
    name: "sgd",
    slots: [{ name: "momentum", initial: 0 }],
    weightDecay,
    scalars: (_, learningRate) => ({ learningRate }),
    update(b, update) {
      const velocity = b.add(b.scale(update.slots[0]!, momentum), decayed(b, update));
      return { parameter: b.sub(update.parameter, b.mul(velocity, update.scalars.learningRate!)), slots: [velocity] };
    },
  };
}

/**
 * RMSProp as TensorFlow has it, which EfficientNet was trained with: s = α s + (1 - α) g², s from 1;
 * v = μ v + lr g / sqrt(s + ε); p = p - v. PyTorch's starts s at 0 and adds ε outside the root.
 */
export function rmsprop({
  momentum = 0.9,
  weightDecay = 0,
  decay = 0.9,
  epsilon = 1e-3,
}: OptimizerOptions = {}): Optimizer {
  return {
    name: "rmsprop",
    slots: [
      { name: "squareAverage", initial: 1 },
      { name: "momentum", initial: 0 },
    ],
    weightDecay,
    scalars: (_, learningRate) => ({ learningRate }),
    update(b, update) {
      const g = decayed(b, update);
      const square = b.add(b.scale(update.slots[0]!, decay), b.scale(b.mul(g, g), 1 - decay));
      const step = b.div(b.mul(g, update.scalars.learningRate!), b.sqrt(b.add(square, b.scalar(epsilon))));
      const velocity = b.add(b.scale(update.slots[1]!, momentum), step);
      return { parameter: b.sub(update.parameter, velocity), slots: [square, velocity] };
    },
  };
}

/** What Adam and its kin keep. */
const MOMENTS: readonly Slot[] = [
  { name: "firstMoment", initial: 0 },
  { name: "secondMoment", initial: 0 },
];

/** What makes up for moments that start at 0. @param step - from 1 */
const corrections = (step: number, [first, second]: readonly [number, number]): StepScalars => ({
  firstCorrection: 1 / (1 - first ** step),
  secondCorrection: 1 / Math.sqrt(1 - second ** step),
});

/** m = β₁ m + (1 - β₁) g; s = β₂ s + (1 - β₂) g²; the deviation is sqrt(s / (1 - β₂ᵗ)) + ε. */
function moments(
  b: GraphBuilder,
  gradient: Value,
  slots: readonly Value[],
  scalars: Readonly<Record<string, Value>>,
  betas: readonly [number, number],
  epsilon: number,
): { first: Value; second: Value; deviation: Value } {
  const first = b.add(b.scale(slots[0]!, betas[0]), b.scale(gradient, 1 - betas[0]));
  const second = b.add(b.scale(slots[1]!, betas[1]), b.scale(b.mul(gradient, gradient), 1 - betas[1]));
  return { first, second, deviation: b.add(b.mul(b.sqrt(second), scalars.secondCorrection!), b.scalar(epsilon)) };
}

/**
 * Adam with decoupled weight decay (arXiv 1711.05101), as PyTorch has it: m = β₁ m + (1 - β₁) g; s = β₂ s + (1 - β₂) g²;
 * p = (1 - lr d) p - lr m / (1 - β₁ᵗ) / (sqrt(s / (1 - β₂ᵗ)) + ε).
 */
export function adamw({ weightDecay = 0.01, betas = [0.9, 0.999], epsilon = 1e-8 }: OptimizerOptions = {}): Optimizer {
  return {
    name: "adamw",
    slots: MOMENTS,
    weightDecay,
    scalars: (step, learningRate) => ({ learningRate, ...corrections(step, betas) }),
    update(b, { parameter, gradient, slots, scalars, weightDecay: d }) {
      const { first, second, deviation } = moments(b, gradient, slots, scalars, betas, epsilon);
      const kept = d === 0 ? parameter : b.sub(parameter, b.mul(parameter, b.scale(scalars.learningRate!, d)));
      const stepSize = b.mul(scalars.learningRate!, scalars.firstCorrection!);
      return { parameter: b.sub(kept, b.div(b.mul(first, stepSize), deviation)), slots: [first, second] };
    },
  };
}

/**
 * LAMB (arXiv 1904.00962, algorithm 2): Adam's corrected direction u = m / (1 - β₁ᵗ) / (sqrt(s / (1 - β₂ᵗ)) + ε) + d p, scaled so that
 * each tensor moves in proportion to its own norm: p = p - lr (|p| / |u|) u. As the authors' code and timm have it, tensors without
 * weight decay (norms and biases) move by u itself, and so does one whose norm or direction is zero.
 */
export function lamb({ weightDecay = 0.01, betas = [0.9, 0.999], epsilon = 1e-6 }: OptimizerOptions = {}): Optimizer {
  return {
    name: "lamb",
    slots: MOMENTS,
    weightDecay,
    scalars: (step, learningRate) => ({ learningRate, ...corrections(step, betas) }),
    update(b, { parameter, gradient, slots, scalars, weightDecay: d }) {
      const { first, second, deviation } = moments(b, gradient, slots, scalars, betas, epsilon);
      const adam = b.div(b.mul(first, scalars.firstCorrection!), deviation);
      const direction = d === 0 ? adam : b.add(adam, b.scale(parameter, d));
      const rate = d === 0 ? scalars.learningRate! : b.mul(scalars.learningRate!, trustRatio(b, parameter, direction));
      return { parameter: b.sub(parameter, b.mul(direction, rate)), slots: [first, second] };
    },
  };
}

/** |p| / |u|, or 1 where either is zero. */
function trustRatio(b: GraphBuilder, parameter: Value, direction: Value): Value {
  const [p, u] = [norm(b, [parameter]), norm(b, [direction])];
  const [zero, one] = [b.scalar(0), b.scalar(1)];
  return b.where(b.greater(b.mul(p, u), zero), b.div(p, u), one);
}

/** The Euclidean norm of vectors as one, a scalar. */
export function norm(b: GraphBuilder, vectors: readonly Value[]): Value {
  const squares = vectors.map((v) => b.reduceSum(b.mul(v, v), { axes: [0] }));
  return b.sqrt(squares.reduce((sum, square) => b.add(sum, square)));
}

/** The optimizer of a name. @throws {RequestError} for an unknown name */
export function optimizer(name: string, options: OptimizerOptions = {}): Optimizer {
  switch (name as OptimizerName) {
    case "sgd":
      return sgd(options);
    case "rmsprop":
      return rmsprop(options);
    case "adamw":
      return adamw(options);
    case "lamb":
      return lamb(options);
    default:
      throw new RequestError(`optimizer "${name}" is unknown; choose one of ${OPTIMIZERS.join(", ")}.`);
  }
}
