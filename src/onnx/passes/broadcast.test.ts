import { expect, it } from "vitest";
import { openSession } from "../../runtime/index.js";
import { GraphBuilder } from "../builder.js";
import { type Graph, nodesFor } from "../graph.js";
import { serialize } from "../serialize.js";
import { withoutExpands } from "./broadcast.js";

const ops = ({ outputs }: Graph): string[] => nodesFor(Object.values(outputs)).map(({ op }) => op);

async function run(graph: Graph) {
  const session = await openSession({ model: serialize(graph) }, { where: "here", threads: 1 });
  const feeds = { x: Float32Array.from({ length: 24 }, (_, i) => i - 7), k: Float32Array.of(2, -3) };
  const out = await session.run(feeds);
  await session.dispose();
  return out;
}

it("repeats nothing that an operator repeats by itself, on either side, with the same results", async () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [3, 2, 2, 2]);
  const channels = b.input("k", "float32", [2]);
  const k = b.reshape(channels, [1, 2, 1, 1]);
  const wide = b.expand(k, x.shape);
  const graph = {
    name: "expands",
    inputs: [x, channels],
    outputs: { product: b.mul(x, wide), difference: b.sub(wide, x), quotient: b.div(x, wide) },
  };
  const found = withoutExpands(graph);
  expect(ops(graph)).toContain("Expand");
  expect(ops(found)).toEqual(ops(graph).filter((op) => op !== "Expand"));
  expect(await run(found)).toEqual(await run(graph));
});

it("keeps an Expand where nothing else has the shape, or somebody wants its result", () => {
  const b = new GraphBuilder();
  const k = b.input("k", "float32", [2, 1]);
  const wide = b.expand(k, [2, 5]);
  const both = b.add(wide, b.expand(b.input("l", "float32", [1, 5]), [2, 5]));
  const graph = { name: "kept", inputs: [], outputs: { wide, both, sum: b.reduceSum(wide, { axes: [1] }) } };
  expect(ops(withoutExpands(graph)).filter((op) => op === "Expand")).toHaveLength(2);
});
