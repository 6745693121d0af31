import { toFloat16 } from "../../half.js";
import { GraphBuilder } from "../builder.js";
import { constantData, type Graph, nodesFor, type TypedArray, type Value } from "../graph.js";
import type { ParameterData } from "./fold.js";

/**
 * The graph in half precision: from the first node with weights on all is computed in float16, and so are the weights; inputs
 * and outputs keep their types. What comes before, such as the normalisation of pixels, keeps its precision.
 * @param data - the parameters' values
 */
export function toHalf(graph: Graph, data: ParameterData): { graph: Graph; data: ParameterData } {
  const outputs = Object.values(graph.outputs);
  const b = new GraphBuilder(graph.inputs.map(({ name }) => name));
  const found = new Map<Value, Value>();
  const halves = new Map<Value, TypedArray>();
  const wide = (value: Value): Value => found.get(value) ?? value;
  /** An operand in half precision. */
  const half = (value: Value): Value => {
    const now = wide(value);
    if (now.type !== "float32") return now;
    const constant = constantData(now);
    if (constant !== null) return b.constant(toFloat16(constant as Float32Array), "float16", now.shape, now.name);
    if (now.source.kind !== "parameter") return b.cast(now, "float16");
    const made: Value = { ...now, type: "float16" };
    halves.set(made, toFloat16(data(now) as Float32Array));
    found.set(value, made);
    return made;
  };
  for (const node of nodesFor(outputs)) {
    const weighs = node.inputs.some(
      (input) => input !== null && (input.source.kind === "parameter" || wide(input).type === "float16"),
    );
    const inputs = node.inputs.map((input) => (input === null ? null : weighs ? half(input) : wide(input)));
    const results = b.op(node.op, inputs, node.attributes, node.name);
    node.outputs.forEach((output, i) => {
      found.set(output, results[i]!);
    });
  }
  return {
    graph: {
      ...graph,
      outputs: Object.fromEntries(
        Object.entries(graph.outputs).map(([name, value]) => [name, b.cast(wide(value), value.type)]),
      ),
    },
    data: (parameter) => halves.get(parameter) ?? data(parameter),
  };
}
