import { RequestError } from "../../errors.js";
import { type Graph, nodesFor, type Value } from "../graph.js";
import { rewrite } from "./rewrite.js";

/**
 * Cuts a graph in two at any of its values. `below` computes the values at the cut, under the names given; `above` takes
 * them as inputs of those names and computes what the graph did. Either needs only its own part of the inputs and
 * parameters.
 * @throws {RequestError} where a value at the cut is none that the graph computes
 */
export function split(graph: Graph, cuts: Readonly<Record<string, Value>>): { below: Graph; above: Graph } {
  const computed = new Set(nodesFor(Object.values(graph.outputs)).flatMap((node) => node.outputs));
  const replaced = new Map<Value, Value>();
  for (const [name, value] of Object.entries(cuts)) {
    if (!computed.has(value))
      throw new RequestError(`graph "${graph.name}" cannot be cut at "${value.name}", which it does not compute.`);
    replaced.set(value, { name, type: value.type, shape: value.shape, source: { kind: "input" } });
  }
  const above = rewrite(graph, () => null, replaced);
  return {
    below: withNeededInputs({ name: `${graph.name}, below`, inputs: graph.inputs, outputs: cuts }),
    above: withNeededInputs({
      ...above,
      name: `${graph.name}, above`,
      inputs: [...replaced.values(), ...graph.inputs],
    }),
  };
}

/** The graph without the inputs that none of its outputs depends on. */
function withNeededInputs(graph: Graph): Graph {
  const outputs = Object.values(graph.outputs);
  const needed = new Set([...outputs, ...nodesFor(outputs).flatMap((node) => node.inputs)]);
  return { ...graph, inputs: graph.inputs.filter((input) => needed.has(input)) };
}
