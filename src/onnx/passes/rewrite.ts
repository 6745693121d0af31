import { GraphBuilder } from "../builder.js";
import { type Graph, type Node, nodesFor, type Value } from "../graph.js";

/**
 * Decides what becomes of a node: the values that take its outputs' place, or null to keep it. `inputs` are the node's in
 * the new graph.
 */
export type Visit = (b: GraphBuilder, node: Node, inputs: readonly (Value | null)[]) => readonly Value[] | null;

/**
 * The graph written anew, node by node, each after those that it needs. Inputs, parameters and constants stay the values
 * that they are; nodes that nothing needs any more are gone.
 * @param replaced - values of the old graph and what stands for them in the new one
 */
export function rewrite(graph: Graph, visit: Visit, replaced: ReadonlyMap<Value, Value> = new Map()): Graph {
  const b = new GraphBuilder();
  const found = new Map(replaced);
  const now = (value: Value): Value => found.get(value) ?? value;
  for (const node of nodesFor(Object.values(graph.outputs))) {
    if (node.outputs.every((output) => replaced.has(output))) continue;
    const inputs = node.inputs.map((input) => (input === null ? null : now(input)));
    const outputs = visit(b, node, inputs) ?? b.op(node.op, inputs, node.attributes, node.name);
    node.outputs.forEach((output, i) => {
      if (!replaced.has(output)) found.set(output, outputs[i]!);
    });
  }
  return {
    ...graph,
    outputs: Object.fromEntries(Object.entries(graph.outputs).map(([name, value]) => [name, now(value)])),
  };
}
