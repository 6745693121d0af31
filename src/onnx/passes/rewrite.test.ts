import { describe, expect, it } from "vitest";
import { run } from "../../engine.testing.js";
import { RequestError, ShapeError } from "../../errors.js";
import { GraphBuilder, nodesFor, parametersFor, printGraph, rewrite, type Visit } from "../index.js";
import { network, operators } from "./network.testing.js";

/** y = exp(-x) w + exp(-x), and what no output needs. */
function example() {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2]);
  const e = b.scope("block", () => b.exp(b.neg(x)));
  b.sqrt(e);
  return { x, e, graph: { name: "g", inputs: [x], outputs: { y: b.add(b.mul(e, b.parameter("Relu", [2])), e) } } };
}

describe("rewrite", () => {
  it("copies what it is not told to change: nodes, names, inputs and parameters", () => {
    const { graph } = network();
    const copy = rewrite(graph, () => null);
    expect(printGraph(copy)).toBe(printGraph(graph));
    const names = (of: typeof graph): string[] => nodesFor(Object.values(of.outputs)).map(({ name }) => name);
    expect(names(copy)).toEqual(names(graph));
    expect(copy.inputs).toEqual(graph.inputs);
    expect(parametersFor(Object.values(copy.outputs))).toEqual(parametersFor(Object.values(graph.outputs)));
  });

  it("puts what it is given in a node's place, everywhere that it is used", async () => {
    const { graph } = example();
    const visit: Visit = (b, { op }, [x]) => (op === "Exp" ? [b.relu(x!)] : null);
    const changed = rewrite(graph, visit);
    expect(operators(changed)).toEqual(["Neg", "Relu", "Mul", "Add"]);
    const w = Float32Array.of(10, 20);
    expect(await run(changed, () => w, { x: Float32Array.of(-1, 2) })).toEqual({ y: Float32Array.of(11, 0) });
  });

  it("gives new values no name that an input or parameter has", () => {
    const changed = rewrite(example().graph, (b, { op }, [x]) => (op === "Exp" ? [b.relu(x!)] : null));
    expect(nodesFor(Object.values(changed.outputs)).map(({ name }) => name)).toEqual([
      "block/Neg",
      "Relu_1",
      "Mul",
      "Add",
    ]);
  });

  it("drops what is needed no more", () => {
    const { graph } = example();
    expect(operators(rewrite(graph, (_, { op }, [x]) => (op === "Add" ? [x!] : null)))).toEqual(["Neg", "Exp", "Mul"]);
  });

  it("merges what has become the same", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2]);
    const graph = { name: "g", inputs: [x], outputs: { y: b.add(b.exp(x), b.exp(b.neg(x))) } };
    const changed = rewrite(graph, (_, { op }, [operand]) => (op === "Neg" ? [operand!] : null));
    expect(printGraph(changed)).toBe("%0 = Exp(x) [2]\n%1 = Add(%0, %0) [2]\ny = %1");
  });

  it("does not visit what only replaced values need", () => {
    const { graph, e } = example();
    const seen: string[] = [];
    const given = { name: "given", type: e.type, shape: e.shape, source: { kind: "input" } } as const;
    const changed = rewrite(
      graph,
      (_, { op }) => {
        seen.push(op);
        return null;
      },
      new Map([[e, given]]),
    );
    expect(seen).toEqual(["Mul", "Add"]);
    expect(printGraph(changed)).toBe("%0 = Mul(given, Relu) [2]\n%1 = Add(%0, given) [2]\ny = %1");
  });

  it("refuses a replacement of another shape, none at all, and one whose name is taken", () => {
    const { graph, e } = example();
    const replaced = (visit: Visit) => () =>
      rewrite(graph, (b, node, inputs) => (node.op === "Exp" ? visit(b, node, inputs) : null));
    expect(replaced((b, _, [x]) => [b.reshape(x!, [1, 2])])).toThrow(
      new ShapeError('Exp "block/Exp" gives float32 [2], and was rewritten to float32 [1, 2].'),
    );
    expect(replaced(() => [])).toThrow(
      new ShapeError('Exp "block/Exp" gives float32 [2], and was rewritten to nothing.'),
    );
    const taken = { name: "Relu", type: e.type, shape: e.shape, source: { kind: "input" } } as const;
    expect(() => rewrite(graph, () => null, new Map([[e, taken]]))).toThrow(
      new RequestError('"Relu" is the name of an input or parameter of graph "g"; take another.'),
    );
  });
});
