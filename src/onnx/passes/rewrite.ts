import { RequestError, ShapeError } from "../../errors.js";
import { GraphBuilder } from "../builder.js";
import { type Graph, leavesFor, type Node, nodesFor, sameShape, showShape, type Value } from "../graph.js";

/**
 * Decides what becomes of a node: the values that take its outputs' place, or null to keep it. `inputs` are the node's in
 * the new graph.
 */
export type Visit = (b: GraphBuilder, node: Node, inputs: readonly (Value | null)[]) => readonly Value[] | null;

/**
 * The graph written anew, node by node, each after those that it needs. Inputs, parameters and constants stay the values
 * that they are, nodes keep their names, and what nothing needs any more is gone.
 * @param replaced - values of the old graph and what stands for them in the new one; what only they need is not visited
 * @throws {ShapeError} where a value is replaced by one of another type or shape
 * @throws {RequestError} where a replacement is named as an input or parameter that is still needed
 */
export function rewrite(graph: Graph, visit: Visit, replaced: ReadonlyMap<Value, Value> = new Map()): Graph {
  const outputs = Object.values(graph.outputs);
  const cut = new Set(replaced.keys());
  const fixed = [...leavesFor(outputs, cut)]
    .filter((value) => !cut.has(value) && value.source.kind !== "constant")
    .map(({ name }) => name);
  for (const { name } of replaced.values()) {
    if (fixed.includes(name))
      throw new RequestError(`"${name}" is the name of an input or parameter of graph "${graph.name}"; take another.`);
  }
  const b = new GraphBuilder([...fixed, ...[...replaced.values()].map(({ name }) => name)]);
  const found = new Map(replaced);
  const now = (value: Value): Value => found.get(value) ?? value;
  for (const node of nodesFor(outputs, cut)) {
    const inputs = node.inputs.map((input) => (input === null ? null : now(input)));
    const results = visit(b, node, inputs) ?? b.op(node.op, inputs, node.attributes, node.name);
    node.outputs.forEach((output, i) => {
      if (replaced.has(output)) return;
      found.set(output, sameKind(node, output, results[i]));
    });
  }
  return {
    ...graph,
    outputs: Object.fromEntries(Object.entries(graph.outputs).map(([name, value]) => [name, now(value)])),
  };
}

function sameKind(node: Node, old: Value, result: Value | undefined): Value {
  if (result?.type === old.type && sameShape(result.shape, old.shape)) return result;
  const given = result === undefined ? "nothing" : `${result.type} ${showShape(result.shape)}`;
  throw new ShapeError(
    `${node.op} "${node.name}" gives ${old.type} ${showShape(old.shape)}, and was rewritten to ${given}.`,
  );
}
