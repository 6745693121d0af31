import { type Graph, type Node, nodesFor, type TypedArray, type Value } from "../graph.js";
import { windowOf } from "../operators/linear.js";
import { rewrite } from "./rewrite.js";

/** Values of parameters. */
export type ParameterData = (parameter: Value) => TypedArray;

/**
 * Folds every BatchNormalization in inference mode that alone follows a convolution into it: with f = scale / sqrt(variance
 * + epsilon), the weight of each output channel is multiplied by f, and the bias is (bias - mean) f + shift. What cannot be
 * folded stays. Computed in float64, rounded once.
 * @param data - the parameters' values  @returns the graph, and the values of its parameters, new ones among them
 */
export function foldBatchNorms(graph: Graph, data: ParameterData): { graph: Graph; data: ParameterData } {
  const uses = usesOf(graph);
  const folded = new Map<Value, Float32Array>();
  const result = rewrite(graph, (b, node, inputs) => {
    const conv = convolutionBefore(node, uses);
    if (conv === null) return null;
    const [x, weight, bias = null] = (inputs[0]!.source as { node: Node }).node.inputs as [Value, Value, Value | null];
    const values = foldedValues(node, weight, bias, data);
    const folding = (name: string, like: Value, value: Float32Array): Value => {
      const parameter = b.parameter(name, like.shape);
      folded.set(parameter, value);
      return parameter;
    };
    const w = folding(`${weight.name}/folded`, weight, values.weight);
    const shift = folding(`${weight.name}/folded_bias`, node.inputs[1]!, values.bias);
    return [b.conv(x, w, shift, windowOf(conv.attributes))];
  });
  return { graph: result, data: (parameter) => folded.get(parameter) ?? data(parameter) };
}

/** How often each value is used, as an operand or as an output of the graph. */
function usesOf(graph: Graph): ReadonlyMap<Value, number> {
  const outputs = Object.values(graph.outputs);
  const uses = new Map<Value, number>();
  for (const value of [...outputs, ...nodesFor(outputs).flatMap((node) => node.inputs)]) {
    if (value !== null) uses.set(value, (uses.get(value) ?? 0) + 1);
  }
  return uses;
}

/** The convolution that a BatchNormalization can be folded into: nothing else uses it, and all operands are parameters. */
function convolutionBefore(node: Node, uses: ReadonlyMap<Value, number>): Node | null {
  if (node.op !== "BatchNormalization" || node.attributes.training_mode === 1) return null;
  const [x, ...statistics] = node.inputs as Value[];
  if (x?.source.kind !== "node" || x.source.node.op !== "Conv" || uses.get(x) !== 1) return null;
  const operands = [...x.source.node.inputs.slice(1), ...statistics];
  return operands.every((value) => value === null || value?.source.kind === "parameter") ? x.source.node : null;
}

function foldedValues(
  node: Node,
  weight: Value,
  bias: Value | null,
  data: ParameterData,
): { weight: Float32Array; bias: Float32Array } {
  const [scale, shift, mean, variance] = node.inputs.slice(1).map((value) => data(value!) as Float32Array);
  const epsilon = Number(node.attributes.epsilon ?? 1e-5);
  const old = data(weight) as Float32Array;
  const oldBias = bias === null ? null : (data(bias) as Float32Array);
  const factors = Array.from(scale!, (s, c) => s / Math.sqrt(variance![c]! + epsilon));
  const perChannel = old.length / factors.length;
  return {
    weight: old.map((w, i) => w * factors[Math.floor(i / perChannel)]!),
    bias: Float32Array.from(factors, (f, c) => ((oldBias?.[c] ?? 0) - mean![c]!) * f + shift![c]!),
  };
}
