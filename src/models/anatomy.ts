import { UnsupportedOperatorError } from "../errors.js";
import { elements, type Graph, type Node, nodesFor, parametersFor, type Value } from "../onnx/index.js";

/** Which nodes of a classifier do what, found by their place alone. */
export interface Anatomy {
  /** The nodes whose results depend on the pictures, each after those that it needs. */
  readonly nodes: readonly Node[];
  readonly classifier: Classifier;
  readonly norm: LastNorm | null;
  /** What makes one value a channel of the last maps, where there is such a node. */
  readonly pooling: Node | null;
}

/** The last matrix product or 1x1 convolution before the logits. */
export interface Classifier {
  readonly node: Node;
  /** What it takes: the pooled features, or the last maps where they are pooled behind it. */
  readonly input: Value;
  /** Its weight and bias. */
  readonly parameters: readonly Value[];
}

/** The last BatchNorm before the classifier. */
export interface LastNorm {
  /** Absent where an exporter has folded it into the convolution. */
  readonly node: Node | null;
  /** The convolution that it normalises the result of; for a folded one always there. */
  readonly conv: Node | null;
}

/** What stands between classifier and logits, and changes no feature into another. */
const BEHIND_CLASSIFIER: ReadonlySet<string> = new Set([
  ...[
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Cast",
    "Flatten",
    "Identity",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "LogSoftmax",
  ],
  ...["GlobalAveragePool", "AveragePool", "ReduceMean", "Relu", "DequantizeLinear", "QuantizeLinear"],
]);

const POOLING: ReadonlySet<string> = new Set([
  "GlobalAveragePool",
  "AveragePool",
  "MaxPool",
  "ReduceMean",
  "ReduceMax",
]);

/** Operators that normalise each picture by itself: a network with them is not one of BatchNorms. */
const OTHER_NORMS: ReadonlySet<string> = new Set(["InstanceNormalization", "LayerNormalization", "ReduceL2", "Sqrt"]);

/**
 * Finds the classifier of a graph from pictures to `logits`, the last BatchNorm, and the pooling.
 * @throws {UnsupportedOperatorError} where the logits are not the result of a matrix product or convolution with weights
 */
export function anatomyOf(graph: Graph): Anatomy {
  const fed = new Set<Value>(graph.inputs);
  const nodes = nodesFor(Object.values(graph.outputs)).filter((node) => {
    const depends = node.inputs.some((input) => input !== null && fed.has(input));
    if (depends) for (const output of node.outputs) fed.add(output);
    return depends;
  });
  const classifier = classifierOf(graph, fed);
  const behind = nodesFor([classifier.input]).filter(({ outputs }) => fed.has(outputs[0]!));
  return { nodes, classifier, norm: lastNorm(classifier, nodes, fed), pooling: poolingOf(graph, behind, classifier) };
}

function classifierOf(graph: Graph, fed: ReadonlySet<Value>): Classifier {
  const passed: Value[] = [];
  const narrow = nodesFor(Object.values(graph.outputs)).some(
    ({ op, inputs }) => op === "DequantizeLinear" || inputs.some((input) => input?.type === "float16"),
  );
  const fail = (what: string): never => {
    throw new UnsupportedOperatorError(
      `no classifier was found in ${graph.name}: going back from its logits, ${what}. It must be a matrix product or a convolution with float32 weights${narrow ? "; these are in 8 or 16 bits, so tune the model that the file was made from" : ""}.`,
    );
  };
  for (let value = graph.outputs.logits!; ; ) {
    if (value.source.kind !== "node") return fail(`"${value.name}" is reached`);
    const { node } = value.source;
    const operands = node.inputs.filter((input) => input !== null);
    const [input, ...others] = operands.filter((operand) => fed.has(operand));
    const given = operands.filter((operand) => !fed.has(operand));
    if (input === undefined || others.length > 0) return fail(`${node.op} "${node.name}" joins two paths`);
    const parameters = parametersFor([...passed, ...given]);
    if (["Gemm", "MatMul", "Conv"].includes(node.op)) {
      if (parametersFor(given).length === 0) return fail(`${node.op} "${node.name}" has no weights of its own`);
      return { node, input, parameters };
    }
    if (!BEHIND_CLASSIFIER.has(node.op)) return fail(`${node.op} "${node.name}" is reached`);
    passed.push(...given);
    value = input;
  }
}

/** True for maps, [N, C, H, W] of more than one pixel. */
const isMap = ({ shape }: Value): boolean => shape.length === 4 && shape[2]! * shape[3]! > 1;

/** The BatchNorm, or convolution that has taken one in, with the fewest nodes between it and the classifier. */
function lastNorm({ input }: Classifier, nodes: readonly Node[], fed: ReadonlySet<Value>): LastNorm | null {
  const seen = new Set<Node>();
  for (let front: readonly Value[] = [input]; front.length > 0; ) {
    const next: Value[] = [];
    for (const { source } of front) {
      if (source.kind !== "node" || seen.has(source.node)) continue;
      const { node } = source;
      seen.add(node);
      const [result] = node.outputs as readonly [Value];
      if (node.op === "BatchNormalization" && isMap(result)) return { node, conv: convolutionOf(node.inputs[0]!) };
      if (node.op === "Conv" && isMap(result)) {
        const folded = isFoldable(node) && !nodes.some(({ op }) => OTHER_NORMS.has(op));
        return folded ? { node: null, conv: node } : null;
      }
      for (const operand of node.inputs) if (operand !== null && fed.has(operand)) next.push(operand);
    }
    front = next;
  }
  return null;
}

const convolutionOf = ({ source }: Value): Node | null =>
  source.kind === "node" && source.node.op === "Conv" ? source.node : null;

/** A convolution that may hold a BatchNorm: weight and bias are parameters. */
const isFoldable = ({ inputs: [, weight, bias] }: Node): boolean =>
  weight?.source.kind === "parameter" && bias?.source.kind === "parameter";

/** The last node before the classifier, or behind it, that makes one value of many pixels. */
function poolingOf(graph: Graph, behind: readonly Node[], { node: classifier }: Classifier): Node | null {
  const all = nodesFor(Object.values(graph.outputs));
  const after = all.slice(all.indexOf(classifier) + 1);
  const pools = (node: Node): boolean => {
    const [x] = node.inputs;
    if (!POOLING.has(node.op) || x === null || x === undefined) return false;
    // Of small pictures the last maps are one pixel, which is pooled all the same.
    return node.op === "GlobalAveragePool" || elements(x.shape) > elements(node.outputs[0]!.shape);
  };
  return behind.findLast((node) => pools(node) && !isMap(node.outputs[0]!)) ?? after.find(pools) ?? null;
}
