import { describe, expect, it } from "vitest";
import { noise, run, worst } from "../../engine.testing.js";
import { DataError } from "../../errors.js";
import {
  foldBatchNorms,
  type Graph,
  GraphBuilder,
  nodesFor,
  type ParameterData,
  parametersFor,
  printGraph,
  type Value,
} from "../index.js";
import { data, feeds, network, operators } from "./network.testing.js";

type Make = (b: GraphBuilder, x: Value, parameter: (name: string, shape: number[]) => Value) => Value;

/** A BatchNormalization of what `make` gives, and values for all parameters. */
function normalised(make: Make, { shared = false } = {}): { graph: Graph; data: ParameterData; made: Value } {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2, 3, 9, 9]);
  const made = make(b, x, (name, shape) => b.parameter(name, shape));
  const channels = [made.shape[1]!];
  const [scale, shift, mean, variance] = ["scale", "shift", "mean", "variance"].map((n) => b.parameter(n, channels));
  const y = b.batchNormalization(made, scale!, shift!, mean!, variance!, 1e-3);
  return {
    graph: { name: "one", inputs: [x], outputs: shared ? { y, made } : { y } },
    data: ({ name, shape }) => noise(name, shape).map((v) => (name === "variance" ? 0.5 + v * v : v)),
    made,
  };
}
const pictures = { x: noise("pictures", [2, 3, 9, 9]) };

describe("foldBatchNorms", () => {
  it("leaves no BatchNormalization in an EfficientNet, and computes the same", async () => {
    const { graph } = network();
    const folded = foldBatchNorms(graph, data);
    const count = (op: string, of: Graph): number => operators(of).filter((name) => name === op).length;
    expect(count("BatchNormalization", graph)).toBe(22);
    expect(count("BatchNormalization", folded.graph)).toBe(0);
    expect(count("Conv", folded.graph)).toBe(count("Conv", graph));
    const [before, after] = [await run(graph, data, feeds), await run(folded.graph, folded.data, feeds)];
    expect(worst(before.logits!, after.logits!)).toBeLessThan(1e-4);
  });

  it("keeps the names of what stays, and gives folded weights names of their own", () => {
    const { graph } = network();
    const folded = foldBatchNorms(graph, data);
    const names = ({ outputs }: Graph) => nodesFor(Object.values(outputs)).map(({ name }) => name);
    const kept = nodesFor(Object.values(graph.outputs)).filter(({ op }) => op !== "BatchNormalization");
    expect(names(folded.graph)).toEqual(kept.map(({ name }) => name));
    const parameters = parametersFor(Object.values(folded.graph.outputs));
    expect(parameters.slice(0, 2).map(({ name, shape }) => ({ name, shape }))).toEqual([
      { name: "conv_stem.weight/folded", shape: [8, 3, 3, 3] },
      { name: "conv_stem.weight/folded_bias", shape: [8] },
    ]);
    // What was not folded is still asked for.
    expect(folded.data(parameters.find(({ name }) => name === "classifier.weight")!)).toEqual(
      data(parameters.find(({ name }) => name === "classifier.weight")!),
    );
  });

  it.each<readonly [string, Make]>([
    ["without a bias", (b, x, p) => b.conv(x, p("w", [4, 3, 3, 3]), null, { strides: [2, 2], pads: [0, 0, 1, 1] })],
    ["with a bias", (b, x, p) => b.conv(x, p("w", [4, 3, 3, 3]), p("bias", [4]))],
    ["that is depthwise", (b, x, p) => b.conv(x, p("w", [6, 1, 3, 3]), null, { group: 3, dilations: [2, 1] })],
    ["of constants", (b, x) => b.conv(x, b.constant(noise("w", [4, 3, 1, 1]), "float32", [4, 3, 1, 1]), null)],
  ])("folds into a convolution %s", async (_, make) => {
    const { graph, data: values } = normalised(make);
    const folded = foldBatchNorms(graph, values);
    expect(operators(folded.graph)).toEqual(["Conv"]);
    const [before, after] = [await run(graph, values, pictures), await run(folded.graph, folded.data, pictures)];
    expect(worst(before.y!, after.y!)).toBeLessThan(1e-5);
  });

  it("computes (bias - mean) f + shift with f = scale / sqrt(variance + epsilon), and rounds once", () => {
    const { graph } = normalised((b, x, p) => b.conv(x, p("w", [1, 3, 1, 1]), p("bias", [1])));
    const values: Record<string, number[]> = {
      w: [1, -2, 3],
      bias: [5],
      scale: [3],
      shift: [7],
      mean: [1],
      variance: [2],
    };
    const folded = foldBatchNorms(graph, ({ name }) => Float32Array.from(values[name]!));
    const f = 3 / Math.sqrt(2.001);
    const [w, bias] = parametersFor(Object.values(folded.graph.outputs)).map(folded.data);
    expect(w).toEqual(Float32Array.of(f, -2 * f, 3 * f));
    expect(bias).toEqual(Float32Array.of(4 * f + 7));
  });

  it.each<readonly [string, Make, boolean]>([
    ["a convolution that is used elsewhere too", (b, x, p) => b.conv(x, p("w", [4, 3, 1, 1]), null), true],
    ["what is no convolution", (b, x, p) => b.mul(x, p("s", [1, 3, 1, 1])), false],
    ["a convolution whose weight is computed", (b, x, p) => b.conv(x, b.neg(p("w", [4, 3, 1, 1])), null), false],
    ["an input", (_, x) => x, false],
  ])("leaves the BatchNormalization after %s", (_, make, shared) => {
    const { graph, data: values } = normalised(make, { shared });
    expect(printGraph(foldBatchNorms(graph, values).graph)).toBe(printGraph(graph));
  });

  it("leaves one that normalises by the batch", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2, 3, 9, 9]);
    const [w, s, m, v] = ["w", "s", "m", "v"].map((name) => b.parameter(name, [4]));
    const conv = b.conv(x, b.parameter("kernel", [4, 3, 1, 1]), null);
    const { y } = b.batchNormalizationTraining(conv, w!, s!, m!, v!, 1e-3);
    const graph = { name: "training", inputs: [x], outputs: { y } };
    expect(printGraph(foldBatchNorms(graph, data).graph)).toBe(printGraph(graph));
  });

  it("folds a weight that two convolutions share once for each", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2, 3, 9, 9]);
    const w = b.parameter("w", [3, 3, 1, 1]);
    const norm = (y: Value, name: string): Value => {
      const [s, t, m, v] = ["scale", "shift", "mean", "running_var"].map((leaf) => b.parameter(`${name}.${leaf}`, [3]));
      return b.batchNormalization(b.conv(y, w, null), s!, t!, m!, v!, 1e-3);
    };
    const graph = { name: "shared", inputs: [x], outputs: { y: norm(norm(x, "a"), "b") } };
    const values: ParameterData = ({ name, shape }) =>
      noise(name, shape).map((n) => (name.endsWith("var") ? 0.5 + n * n : n));
    const folded = foldBatchNorms(graph, values);
    expect(operators(folded.graph)).toEqual(["Conv", "Conv"]);
    const [before, after] = [await run(graph, values, pictures), await run(folded.graph, folded.data, pictures)];
    expect(worst(before.y!, after.y!)).toBeLessThan(1e-4);
  });

  it.each([
    [
      "a negative variance",
      { variance: Float32Array.of(1, 1, -0.5, 1) },
      'parameter "variance" has the variance -0.5 in channel 2, which cannot be folded; variances are 0 or more.',
    ],
    [
      "a variance that is no number",
      { variance: Float32Array.of(1, Number.NaN, 1, 1) },
      'parameter "variance" has the variance NaN in channel 1, which cannot be folded; variances are 0 or more.',
    ],
    [
      "data of another length",
      { w: new Float32Array(11) },
      'parameter "w" [4, 3, 1, 1] cannot be folded: its data are 11 elements of a Float32Array.',
    ],
    [
      "data of another type",
      { shift: new Uint16Array(4) },
      'parameter "shift" [4] cannot be folded: its data are 4 elements of a Uint16Array.',
    ],
  ])("refuses %s", (_, wrong, message) => {
    const { graph, data: values } = normalised((b, x, p) => b.conv(x, p("w", [4, 3, 1, 1]), null));
    const given = new Map(Object.entries(wrong));
    expect(() => foldBatchNorms(graph, (p) => given.get(p.name) ?? values(p))).toThrow(new DataError(message));
  });
});
