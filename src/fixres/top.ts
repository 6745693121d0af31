import { RequestError } from "../errors.js";
import {
  type Anatomy,
  anatomyOf,
  type BatchStatistics,
  inferenceGraph,
  type LastNorm,
  type Model,
  pointwiseBatchNorm,
  type Size,
  weightsOf,
} from "../models/pure.js";
import {
  elements,
  foldBatchNorms,
  type Graph,
  GraphBuilder,
  type Node,
  nodesFor,
  parametersFor,
  rewrite,
  serialize,
  type TensorType,
  type Value,
  windowOf,
} from "../onnx/index.js";
import { type Program, packed } from "../runtime/pure.js";
import { type Optimizer, type StepGraph, stepGraph } from "../train/pure.js";
import type { Tensor } from "../weights/index.js";
import type { ChosenMode, TopMode, TuneMode } from "./modes.js";

/** One value at the cut between trunk and top: its name in all graphs, and its type and shape for one picture. */
export interface Feature extends TensorType {
  readonly name: string;
}

/** What features are kept as; both graphs compute in float32. */
export type FeatureType = "float16" | "float32";

/** A classifier in two: the frozen trunk below a cut, and the top above it, part of which is trained. */
export interface Division {
  /** From pixels to the features. */
  readonly trunk: Graph;
  readonly features: readonly Feature[];
  /** From the features to `logits`, in inference mode. */
  readonly top: Graph;
  /** Names of the parameters that are trained. */
  readonly trained: ReadonlySet<string>;
  /** The convolution that a BatchNorm was folded into, where a fresh one is trained. */
  readonly unfolded: FreshNorm | null;
  /** The top with its last BatchNorm in training mode, and what it measures; new values at each call. */
  training(): { readonly graph: Graph; readonly statistics: readonly BatchStatistics[] };
}

/** A BatchNorm that is put behind a convolution which has one folded in; at first it changes nothing. */
export interface FreshNorm {
  readonly conv: Node;
  /** Its parameters, by PyTorch's names for them. */
  readonly names: Readonly<Record<"weight" | "bias" | "running_mean" | "running_var", string>>;
}

/** Name of the first value at the cut; further ones are called `features/1` and so on. */
export const FEATURES = "features";

/** Epsilon of a fresh BatchNorm: PyTorch's. */
const EPSILON = 1e-5;

/** What of a graph a mode trains, and where that begins. */
interface Selection {
  /** The nodes that the top begins with. */
  readonly roots: readonly Node[];
  readonly trained: ReadonlySet<string>;
  /** The BatchNorms that normalise by the batch. */
  readonly byBatch: ReadonlySet<Node>;
  readonly fresh: FreshNorm | null;
}

/**
 * Divides a classifier for a mode: what the mode trains, and all that depends on it, is the top.
 * @param type - of the features between the two: float16 takes half the room, and rounds to 11 bits
 * @throws {RequestError} where the mode wants a BatchNorm and the network has none, or names no parameter of it
 */
export function divided(model: Model, mode: TuneMode, size: Size, type: FeatureType = "float32"): Division {
  const graph = inferenceGraph(model, size);
  const anatomy = anatomyOf(graph);
  const { roots, trained, byBatch, fresh } =
    "choose" in mode ? chosen(mode, anatomy, graph, model) : topmost(mode, anatomy, model);
  const b = new GraphBuilder();
  const cut = [...cutBelow(roots, anatomy.nodes)].map((value, i) => {
    const name = i === 0 ? FEATURES : `${FEATURES}/${i}`;
    const input = b.input(name, value.type === "float32" ? type : value.type, value.shape);
    const kept = b.scope("kept", () => b.cast(value, input.type));
    return { value, kept, input, again: b.scope("kept", () => b.cast(input, value.type)) };
  });
  const replaced = new Map(cut.map(({ value, again }) => [value, again]));
  const inputs = cut.map(({ input }) => input);
  const top = (inner: Parameters<typeof rewrite>[1]): Graph => ({
    ...rewrite(graph, inner, replaced),
    name: "top",
    inputs,
  });
  return {
    trunk: { ...graph, name: "trunk", outputs: Object.fromEntries(cut.map(({ kept, input }) => [input.name, kept])) },
    features: inputs.map(({ name, type, shape }) => ({ name, type, shape: shape.slice(1) })),
    top: top((b, node, inputs) => (node === fresh?.conv ? [freshInference(b, node, inputs, fresh)] : null)),
    trained,
    unfolded: fresh,
    training() {
      const statistics: BatchStatistics[] = [];
      const visit: Parameters<typeof rewrite>[1] = (b, node, inputs) => {
        if (node !== fresh?.conv && !byBatch.has(node)) return null;
        const { y, ...measured } =
          node === fresh?.conv ? freshTraining(b, node, inputs, fresh) : inTraining(b, node, inputs, trained);
        statistics.push(measured);
        return [y];
      };
      return { graph: top(visit), statistics };
    },
  };
}

/** The classifier and what is right before it. */
function topmost(mode: TopMode, anatomy: Anatomy, model: Model): Selection {
  const { classifier } = anatomy;
  const parameters = classifier.parameters.map(({ name }) => name);
  if (mode.norm === "frozen")
    return { roots: [classifier.node], trained: new Set(parameters), byBatch: new Set(), fresh: null };
  const norm = neededNorm(anatomy, model);
  const fresh = norm.node === null ? freshNorm(norm.conv!) : null;
  return {
    roots: topmostRoots(norm, mode),
    trained: new Set([
      ...parameters,
      ...(mode.norm === "trained" ? affineOf(norm, fresh) : []),
      ...(mode.conv ? [convWeight(norm, model)] : []),
    ]),
    byBatch: new Set(norm.node === null ? [] : [norm.node]),
    fresh,
  };
}

/** Parameters by name: the top begins at the first nodes that take one. */
function chosen({ choose }: ChosenMode, { nodes }: Anatomy, graph: Graph, { arch }: Model): Selection {
  const norms = nodes.filter(({ op }) => op === "BatchNormalization");
  const statistics = new Set(norms.flatMap(({ inputs }) => inputs.slice(3, 5).map((value) => value!.name)));
  const all = parametersFor(Object.values(graph.outputs))
    .map(({ name }) => name)
    .filter((name) => !statistics.has(name));
  const trained = new Set(choose(all, arch));
  const takes = (node: Node): boolean =>
    node.inputs.some((input) => input !== null && parametersOfOperand(input, nodes).some((name) => trained.has(name)));
  return {
    roots: nodes.filter(takes),
    trained,
    byBatch: new Set(norms.filter(({ inputs }) => trained.has(inputs[1]!.name))),
    fresh: null,
  };
}

/** The parameters that an operand is made of, where it does not depend on pictures. */
function parametersOfOperand(operand: Value, fed: readonly Node[]): string[] {
  if (operand.source.kind === "node" && fed.includes(operand.source.node)) return [];
  return parametersFor([operand]).map(({ name }) => name);
}

function neededNorm({ norm }: Anatomy, { arch }: Model): LastNorm {
  if (norm !== null) return norm;
  throw new RequestError(
    `${arch.name} has no BatchNorm before its classifier; tune the classifier alone (--tune classifier).`,
  );
}

/** Where the top begins: at the BatchNorm, or at its convolution where that is trained, or makes more values than it takes. */
function topmostRoots({ node, conv }: LastNorm, { conv: trained }: TopMode): readonly Node[] {
  if (node === null) return [conv!];
  if (conv === null) return [node];
  const widens = elements(conv.inputs[0]!.shape) < elements(conv.outputs[0]!.shape);
  return trained || (widens && isPointwise(conv)) ? [conv] : [node];
}

const isPointwise = (conv: Node): boolean =>
  elements(conv.inputs[1]!.shape.slice(2)) === 1 && windowOf(conv.attributes).group === 1;

/** The values that the nodes need which depend on `roots`, and that do not depend on them themselves. */
function cutBelow(roots: readonly Node[], nodes: readonly Node[]): Set<Value> {
  const above = new Set<Node>();
  const made = new Set<Value>();
  for (const node of nodes) {
    if (!roots.includes(node) && !node.inputs.some((input) => input !== null && made.has(input))) continue;
    above.add(node);
    for (const output of node.outputs) made.add(output);
  }
  const given = new Set(nodes.flatMap(({ outputs }) => outputs));
  return new Set(
    [...above].flatMap(({ inputs }) =>
      inputs.filter((input): input is Value => input !== null && given.has(input) && !made.has(input)),
    ),
  );
}

function convWeight({ conv }: LastNorm, { arch }: Model): string {
  const [weight] = conv === null ? [] : parametersFor([conv.inputs[1]!]);
  if (weight !== undefined) return weight.name;
  throw new RequestError(
    `${arch.name} has no convolution right before its last BatchNorm; choose --tune classifier+bn.`,
  );
}

function affineOf({ node }: LastNorm, fresh: FreshNorm | null): string[] {
  if (node === null) return [fresh!.names.weight, fresh!.names.bias];
  return node.inputs.slice(1, 3).map((value) => value!.name);
}

function freshNorm(conv: Node): FreshNorm {
  const name = (leaf: string): string => `${conv.inputs[1]!.name}/batch_norm.${leaf}`;
  return {
    conv,
    names: {
      weight: name("weight"),
      bias: name("bias"),
      running_mean: name("running_mean"),
      running_var: name("running_var"),
    },
  };
}

type Inputs = readonly (Value | null)[];

const freshParameters = (b: GraphBuilder, { conv, names }: FreshNorm) => {
  const channels = [conv.outputs[0]!.shape[1]!];
  return Object.fromEntries(Object.entries(names).map(([leaf, name]) => [leaf, b.parameter(name, channels)])) as Record<
    keyof FreshNorm["names"],
    Value
  >;
};

/** The convolution and the fresh BatchNorm behind it, by its running statistics. */
function freshInference(b: GraphBuilder, node: Node, inputs: Inputs, fresh: FreshNorm): Value {
  const p = freshParameters(b, fresh);
  const [z] = b.op("Conv", inputs, node.attributes, node.name);
  return b.batchNormalization(z!, p.weight, p.bias, p.running_mean, p.running_var, EPSILON);
}

type Measured = BatchStatistics & { readonly y: Value };

/** The same by the batch's statistics. */
function freshTraining(b: GraphBuilder, node: Node, inputs: Inputs, fresh: FreshNorm): Measured {
  const p = freshParameters(b, fresh);
  const [z] = b.op("Conv", inputs, node.attributes, node.name);
  return noted(node, z!, p.running_mean, p.running_var, {
    ...b.batchNormalizationTraining(z!, p.weight, p.bias, p.running_mean, p.running_var, EPSILON),
  });
}

/** A BatchNorm by the batch's statistics; behind a 1x1 convolution that widens, as one with that (`pointwiseBatchNorm`). */
function inTraining(b: GraphBuilder, node: Node, inputs: Inputs, trained: ReadonlySet<string>): Measured {
  const [z, weight, bias, mean, variance] = inputs as readonly [Value, Value, Value, Value, Value];
  const epsilon = Number(node.attributes.epsilon ?? 1e-5);
  const conv = z.source.kind === "node" && z.source.node.op === "Conv" ? z.source.node : null;
  if (conv !== null && conv.inputs.length === 2 && isPlain(conv) && z.shape[1]! > conv.inputs[0]!.shape[1]!) {
    const [x, w] = conv.inputs as readonly [Value, Value];
    const frozen = !parametersFor([x, w]).some(({ name }) => trained.has(name));
    return noted(node, x, mean, variance, pointwiseBatchNorm(b, x, w, { weight, bias, epsilon }, { frozen }));
  }
  return noted(node, z, mean, variance, b.batchNormalizationTraining(z, weight, bias, mean, variance, epsilon));
}

/** True for a 1x1 convolution of every pixel as it is. */
const isPlain = (conv: Node): boolean => {
  const { strides, pads } = windowOf(conv.attributes);
  return isPointwise(conv) && strides.every((n) => n === 1) && pads.every((n) => n === 0);
};

const noted = (
  { name }: Node,
  measuredOver: Value,
  runningMean: Value,
  runningVariance: Value,
  { y, mean, variance }: Pick<Measured, "y" | "mean" | "variance">,
): Measured => ({
  layer: name,
  y,
  mean,
  variance,
  count: elements(measuredOver.shape) / measuredOver.shape[1]!,
  runningMean,
  runningVariance,
});

/** The trunk as a program, with its BatchNorms folded into the convolutions. */
export function trunkProgram({ trunk }: Pick<Division, "trunk">, model: Pick<Model, "tensors">): Program {
  const folded = foldBatchNorms(trunk, weightsOf(model));
  return packed(folded.graph, folded.data);
}

/**
 * The top in inference mode as a program.
 * @param fed - parameters that are fed at each run, in place of the model's
 */
export function topProgram(
  { top }: Pick<Division, "top">,
  model: Pick<Model, "tensors">,
  fed: ReadonlySet<string> = new Set(),
): Program {
  const weights = weightsOf(model);
  if (fed.size === 0) return packed(top, weights);
  return {
    model: serialize(top, {
      bind: (value) => (fed.has(value.name) ? { kind: "input" } : { kind: "data", data: weights(value) }),
    }),
  };
}

/** A training step of the top: what the mode trains, nothing else has a gradient. */
export function topStep(
  division: Pick<Division, "training" | "trained">,
  model: Pick<Model, "tensors">,
  { optimizer, labelSmoothing }: { optimizer: Optimizer; labelSmoothing: number },
): StepGraph {
  const { graph, statistics } = division.training();
  const logits = graph.outputs.logits!;
  const b = new GraphBuilder([...graph.inputs, ...parametersFor([logits])].map(({ name }) => name));
  const labels = b.input("labels", "int32", [logits.shape[0]!]);
  const weights = weightsOf(model);
  return stepGraph(b, { logits, statistics, noise: [] }, graph.inputs, labels, (name) => weights({ name }), {
    optimizer,
    labelSmoothing,
    trainable: (name) => division.trained.has(name),
  });
}

/** What goes into the convolution that a BatchNorm was folded into, and what comes out, a mean and variance a channel. */
export function statisticsProgram({ top, unfolded }: Division, model: Pick<Model, "tensors">): Program {
  const conv = nodesFor(Object.values(top.outputs)).find(
    ({ op, inputs }) => op === "Conv" && inputs[1]?.name === unfolded!.conv.inputs[1]!.name,
  )!;
  const z = conv.outputs[0]!;
  const b = new GraphBuilder([...top.inputs, ...parametersFor([z])].map(({ name }) => name));
  const axes = [0, 2, 3];
  const outputs = { mean: b.reduceMean(z, { axes }), squares: b.reduceMean(b.mul(z, z), { axes }) };
  return packed({ name: "statistics", inputs: top.inputs, outputs }, weightsOf(model));
}

/** A fresh BatchNorm for measured statistics of what it normalises: the identity, until it is trained. */
export function freshTensors(
  { names }: FreshNorm,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
): Map<string, Tensor> {
  const tensor = (values: ArrayLike<number>, value: (v: number) => number = (v) => v): Tensor => ({
    type: "float32",
    shape: [values.length],
    data: Float32Array.from(values, value),
  });
  return new Map([
    [names.weight, tensor(variance, (v) => Math.sqrt(v + EPSILON))],
    [names.bias, tensor(mean)],
    [names.running_mean, tensor(mean)],
    [names.running_var, tensor(variance)],
  ]);
}

/** The tensors with the fresh BatchNorm folded into its convolution, so that they are those of the graph as it came. */
export function foldedAgain(
  { top, unfolded }: Pick<Division, "top" | "unfolded">,
  tensors: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  if (unfolded === null) return tensors;
  const { graph, data } = foldBatchNorms(top, weightsOf({ tensors }));
  const values = new Map(parametersFor(Object.values(graph.outputs)).map((value) => [value.name, data(value)]));
  const [, weight, bias] = unfolded.conv.inputs as readonly [Value, Value, Value];
  const gone = new Set(Object.values(unfolded.names));
  return new Map(
    [...tensors].flatMap(([name, tensor]) => {
      if (gone.has(name)) return [];
      if (name === weight.name) return [[name, { ...tensor, data: values.get(`${weight.name}/folded`)! }]];
      if (name === bias.name) return [[name, { ...tensor, data: values.get(`${weight.name}/folded_bias`)! }]];
      return [[name, tensor]];
    }),
  );
}
