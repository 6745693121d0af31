import { type Graph, nodesFor, showShape, type Value } from "./graph.js";

/**
 * A graph as text, a node a line, for tests and for reading: `%3 = Conv(x, w) {group: 4} [1, 4, 8, 8]`. Values of nodes
 * are numbered, since their names depend on who wrote them; small constants are shown by value.
 */
export function printGraph(graph: Graph): string {
  const labels = new Map<Value, string>();
  const label = (value: Value | null): string => {
    if (value === null) return "none";
    const known = labels.get(value);
    if (known !== undefined) return known;
    if (value.source.kind !== "constant") return value.name;
    const { data } = value.source;
    const list = data.length > 8 ? `${value.type}${showShape(value.shape)}` : `[${data.join(", ")}]`;
    return value.shape.length === 0 ? String(data[0]) : list;
  };
  const lines = nodesFor(Object.values(graph.outputs)).map((node) => {
    const names = node.outputs.map((output) => {
      labels.set(output, `%${labels.size}`);
      return label(output);
    });
    const attributes = Object.entries(node.attributes).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
    const shown = attributes.length > 0 ? ` {${attributes.join(", ")}}` : "";
    const shapes = node.outputs.map(({ shape }) => showShape(shape)).join(" ");
    return `${names.join(", ")} = ${node.op}(${node.inputs.map(label).join(", ")})${shown} ${shapes}`;
  });
  const outputs = Object.entries(graph.outputs).map(([name, value]) => `${name} = ${label(value)}`);
  return [...lines, ...outputs].join("\n");
}
