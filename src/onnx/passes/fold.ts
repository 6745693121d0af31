import { DataError } from "../../errors.js";
import {
  constantData,
  elements,
  type Graph,
  type Node,
  nodesFor,
  showShape,
  type TypedArray,
  type Value,
} from "../graph.js";
import { rewrite } from "./rewrite.js";

/** Values of parameters. */
export type ParameterData = (parameter: Value) => TypedArray;

/**
 * Folds every BatchNormalization in inference mode that alone follows a convolution into it: with f = scale / sqrt(variance
 * + epsilon), the weight of each output channel is multiplied by f, and the bias is (bias - mean) f + shift. What cannot be
 * folded stays. Computed in float64, rounded once.
 *
 * A folded weight is a new parameter, `conv_stem.weight/folded`, and its bias `conv_stem.weight/folded_bias`: under the old
 * name it would be taken for the weight in the file.
 * @param data - the parameters' values  @returns the graph, and the values of its parameters, new ones among them
 * @throws {DataError} where a variance is negative, or data do not fill their parameter
 */
export function foldBatchNorms(graph: Graph, data: ParameterData): { graph: Graph; data: ParameterData } {
  const norms = foldableNorms(graph);
  const convolutions = new Map([...norms].map(([norm, conv]) => [conv, norm]));
  const folded = new Map<Value, Float32Array>();
  const result = rewrite(graph, (b, node, inputs) => {
    // The convolution becomes the folded one, so what normalised it has nothing left to do.
    if (norms.has(node)) return [inputs[0]!];
    const norm = convolutions.get(node);
    if (norm === undefined) return null;
    const weight = node.inputs[1]!;
    const values = foldedValues(node, norm, data);
    const w = b.parameter(`${weight.name}/folded`, weight.shape);
    const bias = b.parameter(`${weight.name}/folded_bias`, [weight.shape[0]!]);
    folded.set(w, values.weight).set(bias, values.bias);
    return b.op("Conv", [inputs[0]!, w, bias], node.attributes, node.name);
  });
  return { graph: result, data: (parameter) => folded.get(parameter) ?? data(parameter) };
}

/** Each BatchNormalization that can be folded, and the convolution that takes it in. */
function foldableNorms(graph: Graph): Map<Node, Node> {
  const outputs = Object.values(graph.outputs);
  const nodes = nodesFor(outputs);
  const uses = new Map<Value, number>();
  for (const value of [...outputs, ...nodes.flatMap((node) => node.inputs)]) {
    if (value !== null) uses.set(value, (uses.get(value) ?? 0) + 1);
  }
  return new Map(
    nodes.flatMap((node) => {
      const conv = convolutionBefore(node, uses);
      return conv === null ? [] : [[node, conv] as const];
    }),
  );
}

/** The convolution that a BatchNormalization can be folded into: nothing else uses it, and all operands are known. */
function convolutionBefore(node: Node, uses: ReadonlyMap<Value, number>): Node | null {
  if (node.op !== "BatchNormalization" || node.attributes.training_mode === 1) return null;
  const [x, ...statistics] = node.inputs as Value[];
  if (x?.source.kind !== "node" || x.source.node.op !== "Conv" || x.type !== "float32" || uses.get(x) !== 1)
    return null;
  const operands = [...x.source.node.inputs.slice(1), ...statistics];
  const known = operands.every((value) => value === null || ["parameter", "constant"].includes(value.source.kind));
  return known ? x.source.node : null;
}

function foldedValues(conv: Node, norm: Node, data: ParameterData): { weight: Float32Array; bias: Float32Array } {
  const valuesOf = (value: Value): Float32Array => {
    const values = constantData(value) ?? data(value);
    if (values instanceof Float32Array && values.length === elements(value.shape)) return values;
    throw new DataError(
      `parameter "${value.name}" ${showShape(value.shape)} cannot be folded: its data are ${values.length} elements of a ${values.constructor.name}.`,
    );
  };
  const [weight, bias] = conv.inputs.slice(1).map((value) => (value === null ? null : valuesOf(value)));
  const [scale, shift, mean, variance] = norm.inputs.slice(1).map((value) => valuesOf(value!));
  const epsilon = Number(norm.attributes.epsilon ?? 1e-5);
  const factors = Array.from(scale!, (s, c) => {
    const spread = variance![c]! + epsilon;
    if (spread > 0) return s / Math.sqrt(spread);
    throw new DataError(
      `parameter "${norm.inputs[4]!.name}" has the variance ${variance![c]} in channel ${c}, which cannot be folded; variances are 0 or more.`,
    );
  });
  const perChannel = weight!.length / factors.length;
  return {
    weight: weight!.map((w, i) => w * factors[Math.floor(i / perChannel)]!),
    bias: Float32Array.from(factors, (f, c) => ((bias?.[c] ?? 0) - mean![c]!) * f + shift![c]!),
  };
}
