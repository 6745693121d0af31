import { RequestError } from "../../errors.js";
import { type Graph, leavesFor, nodesFor, type Value } from "../graph.js";
import { rewrite } from "./rewrite.js";

/**
 * Cuts a graph in two at any of its values. `below` computes the values at the cut, under the names given; `above` takes
 * them as inputs of those names and computes what the graph did. Either has only its own part of the inputs and parameters.
 * @throws {RequestError} where a value at the cut is none of the graph's, or `above` would still compute part of `below`
 * from an input, because a path leads past the cut
 */
export function split(graph: Graph, cuts: Readonly<Record<string, Value>>): { below: Graph; above: Graph } {
  const outputs = Object.values(graph.outputs);
  const values = new Set([...graph.inputs, ...nodesFor(outputs).flatMap((node) => node.outputs)]);
  const replaced = new Map<Value, Value>();
  for (const [name, value] of Object.entries(cuts)) {
    if (!values.has(value)) {
      throw new RequestError(
        `graph "${graph.name}" cannot be cut at "${value.name}"; give an input of it or a value that it computes.`,
      );
    }
    replaced.set(value, { name, type: value.type, shape: value.shape, source: { kind: "input" } });
  }
  const neededBelow = leavesFor(Object.values(cuts));
  const neededAbove = leavesFor(outputs, new Set(replaced.keys()));
  const past = graph.inputs.find((input) => neededBelow.has(input) && neededAbove.has(input) && !replaced.has(input));
  if (past !== undefined) {
    throw new RequestError(
      `graph "${graph.name}" is not cut by ${Object.keys(cuts).join(", ")}: input "${past.name}" is needed on both sides. Cut every path from it, such as a residual beside a block, or cut at the input too.`,
    );
  }
  const above = rewrite(graph, () => null, replaced);
  return {
    below: {
      name: `${graph.name}, below`,
      inputs: graph.inputs.filter((input) => neededBelow.has(input)),
      outputs: cuts,
    },
    above: {
      name: `${graph.name}, above`,
      inputs: [
        ...[...replaced].flatMap(([value, input]) => (neededAbove.has(value) ? [input] : [])),
        ...graph.inputs.filter((input) => neededAbove.has(input) && !replaced.has(input)),
      ],
      outputs: above.outputs,
    },
  };
}
