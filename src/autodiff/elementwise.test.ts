import { describe, expect, it } from "vitest";
import { noise, run, worst } from "../engine.testing.js";
import { UnsupportedOperatorError } from "../errors.js";
import { GraphBuilder, nodesFor, type Value } from "../onnx/index.js";
import { type Case, checkRules } from "./check.testing.js";
import { ELEMENTWISE_RULES } from "./elementwise.js";
import { gradients } from "./gradients.js";
import * as reference from "./references.testing.js";

const positive = (u: number): number => 1.5 + u;
/** Away from the kinks at 0 and at ±0.5. */
const awayFromKinks = (u: number): number => Math.sign(u) * (0.1 + 0.3 * Math.abs(u));

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

const hard = (x: number): number => Math.min(1, Math.max(0, x));
/** From -5 to 5, away from ±2.5 and ±3. */
const awayFromHardKinks = (u: number): number => (Math.abs(Math.abs(u) - 0.55) < 0.1 ? 2 * u : 5 * u);

/** By its series, x < 3. */
const erf = (x: number): number => {
  let [term, sum] = [x, x];
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};

const unary = (op: string, f: (x: number) => number, values?: (u: number) => number): Case => ({
  name: op,
  operands: [{ shape: [2, 3], values }],
  build: (b, [x]) => b.op(op, [x!])[0]!,
  reference: ([x]) => Array.from(x!, f),
});

const QUICK_GELU = "com.microsoft.QuickGelu";

const engineSwish: Case = {
  ...unary(
    QUICK_GELU,
    (x) => x * sigmoid(x),
    (u) => 4 * u,
  ),
  build: (b, [x]) => b.op(QUICK_GELU, [x!], { alpha: 1 })[0]!,
};

type Shapes = readonly [x: readonly number[], w: readonly number[], y: readonly number[]];
const BROADCASTS: readonly Shapes[] = [
  [
    [2, 3, 4],
    [2, 3, 4],
    [2, 3, 4],
  ],
  [
    [2, 3, 4],
    [3, 1],
    [2, 3, 4],
  ],
  [
    [1, 3, 1],
    [2, 1, 4],
    [2, 3, 4],
  ],
  [[2, 3], [], [2, 3]],
  [[4], [1, 1, 1], [1, 1, 4]],
];

const binary = (op: string, f: (x: number, w: number) => number, values?: (u: number, i: number) => number): Case[] =>
  BROADCASTS.map(([x, w, y]) => ({
    name: `${op} of [${x}] and [${w}]`,
    operands: [
      { shape: x, values },
      { shape: w, values },
    ],
    build: (b, operands) => b.op(op, operands)[0]!,
    reference: (operands) => reference.broadcast(operands, [x, w], y, f as (...values: number[]) => number),
  }));

const choice = (c: readonly number[], x: readonly number[], w: readonly number[]): Case => ({
  name: `Where of [${c}], [${x}] and [${w}]`,
  operands: [{ shape: c, type: "bool", fixed: true, values: (_, i) => i % 2 }, { shape: x }, { shape: w }],
  build: (b, operands) => b.where(operands[0]!, operands[1]!, operands[2]!),
  reference: (operands) => reference.broadcast(operands, [c, x, w], [2, 3], (p, u, v) => (p === 1 ? u! : v!)),
});

const softmax = (shape: readonly number[], axis: number, logarithm: boolean): Case => ({
  name: `${logarithm ? "LogSoftmax" : "Softmax"} of [${shape}] along ${axis}`,
  operands: [{ shape, values: (u) => 4 * u }],
  build: (b, [x]) => (logarithm ? b.logSoftmax(x!, axis) : b.softmax(x!, axis)),
  reference: ([x]) => reference.softmax(x!, shape, axis < 0 ? axis + shape.length : axis, logarithm),
});

const CASES: Case[] = [
  engineSwish,
  unary("Identity", (x) => x),
  unary("Neg", (x) => -x),
  unary("Exp", Math.exp),
  unary("Log", Math.log, positive),
  unary("Sqrt", Math.sqrt, positive),
  unary("Reciprocal", (x) => 1 / x, positive),
  unary("Abs", Math.abs, awayFromKinks),
  unary("Sign", Math.sign, awayFromKinks),
  unary("Sigmoid", sigmoid, (u) => 5 * u),
  unary("Tanh", Math.tanh),
  unary("Relu", (x) => Math.max(x, 0), awayFromKinks),
  unary("LeakyRelu", (x) => Math.max(x, 0.01 * x), awayFromKinks),
  unary("HardSigmoid", (x) => hard(0.2 * x + 0.5), awayFromHardKinks),
  unary("HardSwish", (x) => x * hard(x / 6 + 0.5), awayFromHardKinks),
  unary("Erf", erf, (u) => 2 * u),
  unary(
    "Softplus",
    (x) => Math.log1p(Math.exp(x)),
    (u) => 5 * u,
  ),
  {
    name: "Clip",
    operands: [{ shape: [2, 5], values: (u) => (Math.abs(Math.abs(u) - 0.5) < 0.05 ? 0 : u) }],
    build: (b, [x]) => b.op("Clip", [x!, b.scalar(-0.5), b.scalar(0.5)])[0]!,
    reference: ([x]) => Array.from(x!, (v) => Math.min(0.5, Math.max(-0.5, v))),
  },
  {
    name: "Clip from above only",
    operands: [{ shape: [7], values: (u) => (Math.abs(u) < 0.05 ? 1 : u) }],
    build: (b, [x]) => b.op("Clip", [x!, null, b.scalar(0)])[0]!,
    reference: ([x]) => Array.from(x!, (v) => Math.min(0, v)),
  },
  {
    name: "Cast to another float and back",
    operands: [{ shape: [3] }],
    build: (b, [x]) => b.cast(b.cast(x!, "float64"), "float32"),
    reference: ([x]) => Array.from(x!),
  },
  {
    name: "Cast to whole numbers, which do not move",
    operands: [{ shape: [4], values: (u, i) => i + 0.5 + 0.2 * u }],
    build: (b, [x]) => b.cast(b.cast(x!, "int32"), "float32"),
    reference: ([x]) => Array.from(x!, Math.trunc),
  },
  ...binary("Add", (x, w) => x + w),
  ...binary("Sub", (x, w) => x - w),
  ...binary("Mul", (x, w) => x * w),
  ...binary("Div", (x, w) => x / w, positive),
  ...binary("Pow", (x, w) => x ** w, positive),
  ...binary("Max", Math.max, (u, i) => u + (i % 2)),
  ...binary("Min", Math.min, (u, i) => u + (i % 2)),
  {
    name: "Max of a value with itself",
    operands: [{ shape: [3] }],
    build: (b, [x]) => b.op("Max", [x!, x!])[0]!,
    reference: ([x]) => Array.from(x!),
  },
  {
    name: "Pow of negative numbers by a fixed 2",
    operands: [{ shape: [5] }],
    build: (b, [x]) => b.op("Pow", [x!, b.scalar(2)])[0]!,
    reference: ([x]) => Array.from(x!, (v) => v * v),
  },
  choice([2, 3], [2, 3], [3]),
  choice([3], [2, 1], []),
  {
    name: "swish, as one rule",
    operands: [{ shape: [2, 3, 2], values: (u) => 5 * u }],
    build: (b, [x]) => b.mul(x!, b.sigmoid(x!)),
    reference: ([x]) => Array.from(x!, (v) => v * sigmoid(v)),
  },
  {
    name: "swish with the factors the other way round",
    operands: [{ shape: [4] }],
    build: (b, [x]) => b.mul(b.sigmoid(x!), x!),
    reference: ([x]) => Array.from(x!, (v) => v * sigmoid(v)),
  },
  {
    name: "swish whose gate is used elsewhere too",
    operands: [{ shape: [4] }],
    build: (b, [x]) => b.add(b.mul(x!, b.sigmoid(x!)), b.exp(b.sigmoid(x!))),
    reference: ([x]) => Array.from(x!, (v) => v * sigmoid(v) + Math.exp(sigmoid(v))),
  },
  {
    name: "a gate of another value is no swish",
    operands: [{ shape: [4] }, { shape: [4] }],
    build: (b, [x, w]) => b.mul(x!, b.sigmoid(w!)),
    reference: ([x, w]) => Array.from(x!, (v, i) => v * sigmoid(w![i]!)),
  },
  softmax([3, 5], -1, false),
  softmax([3, 2], 0, false),
  softmax([2, 2, 3], -1, false),
  softmax([1, 7], -1, true),
  softmax([2, 3, 2], 1, true),
  softmax([2, 3, 2], -3, true),
];

describe("rules of operators on each element, against central differences", () => {
  checkRules(ELEMENTWISE_RULES, CASES);
});

describe("elementwise rules where differences cannot tell", () => {
  const build = (make: (b: GraphBuilder, x: Value) => { y: Value; wrt: Value[] }) => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [4]);
    const { y, wrt } = make(b, x);
    return { x, dx: gradients(b, y, wrt, b.input("dy", "float32", y.shape)) };
  };
  const inputNames = ({ source }: Value): (string | undefined)[] =>
    source.kind === "node" ? source.node.inputs.map((input) => input?.name) : [];

  it.each(["alone", "with x"])("gives dy x for the gate of a swish that is asked for %s", (how) => {
    for (const swapped of [false, true]) {
      const { dx } = build((b, x) => {
        const gate = b.sigmoid(x);
        return { y: swapped ? b.mul(gate, x) : b.mul(x, gate), wrt: how === "alone" ? [gate] : [gate, x] };
      });
      expect(inputNames(dx[0]!)).toEqual(["dy", "x"]);
    }
  });

  it("refuses Max and Min of other than two operands", () => {
    const make = (): unknown => build((b, x) => ({ y: b.op("Max", [x, b.exp(x), b.neg(x)])[0]!, wrt: [x] }));
    expect(make).toThrow(UnsupportedOperatorError);
    expect(make).toThrow('Max "Max" of 3 operands has no gradient rule; nest it, two operands at a time.');
  });
});

describe("the rule of the engine's swish", () => {
  const gradientOf = (shape: readonly number[], swish: (b: GraphBuilder, x: Value) => Value) => {
    const b = new GraphBuilder();
    const [x, dy] = [b.input("x", "float32", shape), b.input("dy", "float32", shape)];
    const [dx] = gradients(b, swish(b, x), [x], dy);
    return {
      graph: { name: "swish", inputs: [x, dy], outputs: { dx: dx! } },
      ops: nodesFor([dx!]).map(({ op }) => op),
    };
  };
  const own = (b: GraphBuilder, x: Value): Value => b.op(QUICK_GELU, [x], { alpha: 1 })[0]!;

  it("goes part by part where there is much, and comes to the same", async () => {
    // Twice, so that the loops and what is in them have names of their own.
    const shape = [3, 5, 29, 1009];
    const loop = gradientOf(shape, (b, x) => own(b, own(b, x)));
    expect(loop.ops.filter((op) => op === "loop.SwishGradient")).toHaveLength(2);
    const twice = (b: GraphBuilder, x: Value): Value => {
      const y = b.mul(x, b.sigmoid(x));
      return b.mul(y, b.sigmoid(y));
    };
    const plain = gradientOf(shape, twice);
    const feeds = { x: noise("x", shape), dy: noise("dy", shape) };
    const nothing = (): Float32Array => new Float32Array(0);
    const [found, wanted] = [await run(loop.graph, nothing, feeds), await run(plain.graph, nothing, feeds)];
    expect(worst(found.dx!, wanted.dx!)).toBeLessThan(2e-6);
  });

  it("refuses another alpha", () => {
    expect(() => gradientOf([2], (b, x) => b.op(QUICK_GELU, [x], { alpha: 1.702 })[0]!)).toThrow("alpha must be 1");
  });
});
