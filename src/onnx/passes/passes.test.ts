import { describe, expect, it } from "vitest";
import { architecture, efficientnet, freshModel, inferenceGraph, initialWeights } from "../../models/index.js";
import { random } from "../../random.js";
import { openSession, packed, type Tensors } from "../../runtime/index.js";
import {
  elements,
  foldBatchNorms,
  type Graph,
  GraphBuilder,
  nodesFor,
  type ParameterData,
  split,
  type Value,
} from "../index.js";

const ARCH = architecture("tf_efficientnet_b0", { width: 0.25, depth: 0.25 });
const RESOLUTION = 45;

function network() {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2, 3, RESOLUTION, RESOLUTION]);
  const net = efficientnet(b, x, ARCH, { classes: 7 });
  return { b, x, net, graph: { name: "net", inputs: [x], outputs: { logits: net.logits } } };
}

const noise = (name: string, length: number): Float32Array => {
  const stream = random(0, name);
  return Float32Array.from({ length }, () => stream.normal());
};

/** The reference initialisation, with statistics and affine parts that a wrong fold would show. */
const weights = initialWeights(ARCH, 7, 0);
const data: ParameterData = ({ name, shape }) => {
  const random = noise(name, elements(shape));
  if (shape.length > 1) return weights.get(name)!.data;
  if (name.endsWith("running_var")) return random.map((v) => 0.5 + v * v);
  return name.endsWith("weight") ? random.map((v) => 1 + 0.2 * v) : random.map((v) => 0.2 * v);
};

async function run(graph: Graph, parameters: ParameterData, feeds: Tensors): Promise<Record<string, Float32Array>> {
  const session = await openSession(packed(graph, parameters), { where: "here", threads: 1 });
  const out = await session.run(feeds);
  await session.dispose();
  return out as Record<string, Float32Array>;
}

const feeds = { x: noise("x", 2 * 3 * RESOLUTION ** 2) };
const operators = ({ outputs }: Graph): string[] => nodesFor(Object.values(outputs)).map(({ op }) => op);
const worst = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, v, i) => Math.max(sum, Math.abs(v - b[i]!)), a.length === b.length ? 0 : Number.NaN);

describe("foldBatchNorms", () => {
  it("leaves no BatchNormalization in an EfficientNet, and computes the same", async () => {
    const { graph } = network();
    const folded = foldBatchNorms(graph, data);
    expect(operators(graph)).toContain("BatchNormalization");
    expect(operators(folded.graph)).not.toContain("BatchNormalization");
    const [before, after] = [await run(graph, data, feeds), await run(folded.graph, folded.data, feeds)];
    expect(worst(before.logits!, after.logits!)).toBeLessThan(1e-4);
  });

  it("adds to a bias that the convolution has", async () => {
    const { graph, parameter } = single((b, x, p) =>
      b.conv(x, p("w", [4, 3, 3, 3]), p("bias", [4]), { strides: [2, 2] }),
    );
    const folded = foldBatchNorms(graph, parameter);
    expect(operators(folded.graph)).toEqual(["Conv"]);
    const [before, after] = [await run(graph, parameter, pictures), await run(folded.graph, folded.data, pictures)];
    expect(worst(before.y!, after.y!)).toBeLessThan(1e-5);
  });

  it.each([
    [
      "a convolution that is used elsewhere too",
      (b: GraphBuilder, x: Value, p: Parameter) => b.conv(x, p("w", [4, 3, 1, 1]), null),
      true,
    ],
    [
      "something that is no convolution",
      (b: GraphBuilder, x: Value, p: Parameter) => b.mul(b.concat([x, x], 1), p("s", [1, 6, 1, 1])),
      false,
    ],
  ])("leaves alone %s", async (_, make, shared) => {
    const { graph, parameter } = single(make, shared);
    expect(operators(foldBatchNorms(graph, parameter).graph)).toContain("BatchNormalization");
  });
});

type Parameter = (name: string, shape: number[]) => Value;
const pictures = { x: noise("pictures", 2 * 3 * 9 * 9) };

/** A BatchNormalization of what `make` gives. */
function single(make: (b: GraphBuilder, x: Value, p: Parameter) => Value, shared = false) {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2, 3, 9, 9]);
  const p: Parameter = (name, shape) => b.parameter(name, shape);
  const made = make(b, x, p);
  const channels = [made.shape[1]!];
  const norm = ["weight", "shift", "running_mean", "running_var"].map((leaf) => b.parameter(`bn.${leaf}`, channels));
  const y = b.batchNormalization(made, norm[0]!, norm[1]!, norm[2]!, norm[3]!, 1e-3);
  const graph: Graph = { name: "one", inputs: [x], outputs: shared ? { y, made } : { y } };
  const parameter: ParameterData = ({ name, shape }) =>
    noise(name, elements(shape)).map((v) => (name.endsWith("running_var") ? 0.5 + v * v : v));
  return { graph, parameter };
}

describe("split", () => {
  it.each(["trunk", "head", "pooled"] as const)(
    "cuts at %s: both parts in a row compute what the whole did",
    async (cut) => {
      const { graph, net } = network();
      const { below, above } = split(graph, { cut: net[cut] });
      expect(above.inputs.map(({ name }) => name)).toEqual(["cut"]);
      expect(operators(below).length + operators(above).length).toBe(operators(graph).length);
      const whole = await run(graph, data, feeds);
      const parts = await run(above, data, { cut: (await run(below, data, feeds)).cut! });
      expect(worst(whole.logits!, parts.logits!)).toBeLessThan(1e-5);
    },
  );

  it("cuts inside a block, where a residual passes by, if both values are given", async () => {
    const { graph } = network();
    const residual = nodesFor(Object.values(graph.outputs)).find(
      ({ op, inputs }) => op === "Mul" && inputs[0]!.shape[2]! > 4,
    )!;
    const { below, above } = split(graph, { a: residual.inputs[0]!, b: residual.inputs[1]! });
    const middle = await run(below, data, feeds);
    const parts = await run(above, data, { a: middle.a!, b: middle.b! });
    expect(worst((await run(graph, data, feeds)).logits!, parts.logits!)).toBeLessThan(1e-5);
  });

  it("keeps each input with the part that needs it", () => {
    const b = new GraphBuilder();
    const [x, y] = [b.input("x", "float32", [2]), b.input("y", "float32", [2])];
    const middle = b.exp(x);
    const { below, above } = split({ name: "g", inputs: [x, y], outputs: { out: b.mul(middle, y) } }, { middle });
    expect(below.inputs).toEqual([x]);
    expect(above.inputs.map(({ name }) => name)).toEqual(["middle", "y"]);
  });

  it("refuses a value that the graph does not compute", () => {
    const { graph, b, x } = network();
    expect(() => split(graph, { cut: b.exp(x) })).toThrow(/cannot be cut at "Exp"/);
  });
});

it("emits nothing that no output needs", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2]);
  b.exp(b.neg(x));
  expect(operators({ name: "g", inputs: [x], outputs: { y: b.sqrt(x) } })).toEqual(["Sqrt"]);
});

it("folds the trunk of a model from pixels on", () => {
  const { graph, network: net } = inferenceGraph(freshModel(ARCH, ["a", "b"], 0), { resolution: 33, batch: 1 });
  const trunk = { ...graph, outputs: { features: net.trunk } };
  expect(operators(foldBatchNorms(trunk, data).graph)).not.toContain("BatchNormalization");
});
