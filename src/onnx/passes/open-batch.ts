import { constantData, type Graph, nodesFor, type Value } from "../graph.js";
import { rewrite } from "./rewrite.js";

/**
 * The graph with its batch, the first axis of its inputs, left to whoever runs it: a Reshape that has the number of pictures
 * written out copies it from its operand instead.
 */
export function openBatch(graph: Graph): Graph {
  const fed = new Set<Value>(graph.inputs);
  for (const { inputs, outputs } of nodesFor(Object.values(graph.outputs)))
    if (inputs.some((input) => input !== null && fed.has(input))) for (const output of outputs) fed.add(output);
  return rewrite(graph, (b, node, inputs) => {
    const [x, target] = inputs;
    if (node.op !== "Reshape" || !x || !target || !fed.has(node.inputs[0]!)) return null;
    const sizes = Array.from((constantData(target) ?? []) as ArrayLike<number | bigint>, Number);
    if (sizes.length === 0 || sizes[0] !== x.shape[0]) return null;
    return b.op("Reshape", [x, b.ints([0, ...sizes.slice(1)])], {}, node.name);
  });
}
