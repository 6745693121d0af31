import { describe, expect, it } from "vitest";
import { run, worst } from "../../engine.testing.js";
import { RequestError } from "../../errors.js";
import { foldBatchNorms, GraphBuilder, nodesFor, parametersFor, split, type Value } from "../index.js";
import { data, feeds, network, operators } from "./network.testing.js";

describe("split", () => {
  it.each(["trunk", "pooled", "logits"] as const)(
    "cuts at %s: both parts in a row compute what the whole does",
    async (cut) => {
      const { graph, net } = network();
      const { below, above } = split(graph, { cut: net[cut] });
      expect(below.inputs.map(({ name }) => name)).toEqual(["x"]);
      expect(above.inputs.map(({ name }) => name)).toEqual(["cut"]);
      expect(operators(below).length + operators(above).length).toBe(operators(graph).length);
      const parts = await run(above, data, { cut: (await run(below, data, feeds)).cut! });
      expect(worst((await run(graph, data, feeds)).logits!, parts.logits!)).toBeLessThan(1e-5);
    },
  );

  it("cuts wherever every path leads through, and nowhere else", async () => {
    const { graph, x } = network();
    const whole = (await run(graph, data, feeds)).logits!;
    const nodes = nodesFor(Object.values(graph.outputs));
    let cuts = 0;
    for (const [i, node] of nodes.entries()) {
      const value = node.outputs[0]!;
      const used = nodes.slice(i + 1).flatMap(({ inputs }) => inputs);
      const before = new Set<Value | null>([x, ...nodes.slice(0, i).flatMap(({ outputs }) => outputs)]);
      if (used.some((operand) => before.has(operand))) {
        expect(() => split(graph, { value })).toThrow(RequestError);
        continue;
      }
      cuts++;
      // Running every one of them takes long and shows nothing more.
      if (cuts % 8 !== 0) continue;
      const { below, above } = split(graph, { value });
      const parts = await run(above, data, { value: (await run(below, data, feeds)).value! });
      expect(worst(whole, parts.logits!)).toBeLessThan(1e-5);
    }
    expect(cuts).toBeGreaterThan(20);
  });

  it("cuts inside a block at the values on each side of what passes by", async () => {
    const { graph } = network();
    const gate = nodesFor(Object.values(graph.outputs)).find(
      ({ op, name }) => op === "Mul" && /^blocks.2.*Mul/.test(name),
    )!;
    const [a, b] = gate.inputs as [Value, Value];
    expect(() => split(graph, { b })).toThrow(
      new RequestError(
        'graph "net" is not cut by b: input "x" is needed on both sides. Cut every path from it, such as a residual beside a block, or cut at the input too.',
      ),
    );
    const { below, above } = split(graph, { a, b });
    const middle = await run(below, data, feeds);
    const parts = await run(above, data, { a: middle.a!, b: middle.b! });
    expect(worst((await run(graph, data, feeds)).logits!, parts.logits!)).toBeLessThan(1e-5);
  });

  it("gives each part the parameters that it needs, both where both do", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2]);
    const w = b.parameter("w", [2]);
    const middle = b.mul(x, w);
    const graph = { name: "g", inputs: [x], outputs: { out: b.mul(b.add(middle, b.parameter("v", [2])), w) } };
    const { below, above } = split(graph, { middle });
    expect(parametersFor(Object.values(below.outputs))).toEqual([w]);
    expect(parametersFor(Object.values(above.outputs)).map(({ name }) => name)).toEqual(["v", "w"]);
  });

  it("keeps each input with the part that needs it", () => {
    const b = new GraphBuilder();
    const [x, y, idle] = ["x", "y", "idle"].map((name) => b.input(name, "float32", [2])) as [Value, Value, Value];
    const middle = b.exp(x);
    const graph = { name: "g", inputs: [x, y, idle], outputs: { out: b.mul(middle, y) } };
    const { below, above } = split(graph, { middle });
    expect(below.inputs).toEqual([x]);
    expect(above.inputs.map(({ name }) => name)).toEqual(["middle", "y"]);
  });

  it("hands an input over that both parts need, where it is cut too", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2]);
    const middle = b.neg(x);
    const graph = { name: "g", inputs: [x], outputs: { out: b.mul(b.scale(middle, 2), x) } };
    const { below, above } = split(graph, { middle, x });
    const handed = await run(below, data, { x: Float32Array.of(2, 3) });
    expect(await run(above, data, handed)).toEqual({ out: Float32Array.of(-8, -18) });
  });

  it("takes from below only what the outputs need, where one cut lies above another", () => {
    const { graph, net } = network();
    const { below, above } = split(graph, { trunk: net.trunk, pooled: net.pooled });
    expect(Object.keys(below.outputs)).toEqual(["trunk", "pooled"]);
    expect(above.inputs.map(({ name }) => name)).toEqual(["pooled"]);
  });

  it("cuts what was folded, by a value that was made an output", async () => {
    const { graph, net } = network();
    const folded = foldBatchNorms({ ...graph, outputs: { ...graph.outputs, trunk: net.trunk } }, data);
    const { trunk, logits } = folded.graph.outputs as { trunk: Value; logits: Value };
    const { below, above } = split({ ...folded.graph, outputs: { logits } }, { trunk });
    expect(operators(below)).not.toContain("BatchNormalization");
    const parts = await run(above, folded.data, { trunk: (await run(below, folded.data, feeds)).trunk! });
    expect(worst((await run(graph, data, feeds)).logits!, parts.logits!)).toBeLessThan(1e-4);
  });

  it.each([
    [
      "a value of another graph",
      () => split(network().graph, { cut: network().net.trunk }),
      /^graph "net" cannot be cut at "[^"]+"; give an input of it or a value that it computes\.$/,
    ],
    [
      "a value that no output needs",
      () => {
        const { graph, b, x } = network();
        return split(graph, { cut: b.exp(x) });
      },
      /cannot be cut at "Exp"/,
    ],
    [
      "a name that a parameter above has",
      () => {
        const { graph, net } = network();
        return split(graph, { "classifier.weight": net.trunk });
      },
      /^"classifier.weight" is the name of an input or parameter of graph "net"; take another\.$/,
    ],
  ])("refuses %s", (_, cut, message) => {
    expect(cut).toThrow(RequestError);
    expect(cut).toThrow(message);
  });
});
