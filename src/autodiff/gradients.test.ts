import { describe, expect, it } from "vitest";
import { ShapeError, UnsupportedOperatorError } from "../errors.js";
import { type Attributes, elements, GraphBuilder, nodesFor, printGraph, type Value } from "../onnx/index.js";
import { type Case, checkAdjoint, checkGradient } from "./check.testing.js";
import { gradients, RULES } from "./gradients.js";
import * as reference from "./references.testing.js";

const positive = (u: number): number => 1.5 + u;
/** Away from the kinks at 0 and at ±0.5. */
const awayFromKinks = (u: number): number => Math.sign(u) * (0.1 + 0.3 * Math.abs(u));

const elementwise = (op: string, reference: (x: number) => number, values?: (u: number) => number): Case => ({
  name: op,
  operands: [{ shape: [2, 3], values }],
  build: (b, [x]) => b.op(op, [x!])[0]!,
  reference: ([x]) => Array.from(x!, reference),
});

const broadcast = (op: string, values?: (u: number, i: number) => number): Case[] =>
  [
    [
      [2, 3, 4],
      [2, 3, 4],
    ],
    [
      [2, 3, 4],
      [3, 1],
    ],
    [
      [1, 3, 1],
      [2, 1, 4],
    ],
    [[2, 3], []],
  ].map(([a, w]) => ({
    name: `${op} of [${a}] and [${w}]`,
    operands: [
      { shape: a!, values },
      { shape: w!, values },
    ],
    build: (b, [x, y]) => b.op(op, [x!, y!])[0]!,
  }));

const ELEMENTWISE: Case[] = [
  elementwise("Identity", (x) => x),
  elementwise("Neg", (x) => -x),
  elementwise("Exp", Math.exp),
  elementwise("Log", Math.log, positive),
  elementwise("Sqrt", Math.sqrt, positive),
  elementwise("Reciprocal", (x) => 1 / x, positive),
  elementwise("Abs", Math.abs, awayFromKinks),
  elementwise("Sigmoid", (x) => 1 / (1 + Math.exp(-x))),
  elementwise("Tanh", Math.tanh),
  elementwise("Relu", (x) => Math.max(x, 0), awayFromKinks),
  {
    name: "Clip",
    operands: [{ shape: [2, 5], values: (u) => (Math.abs(Math.abs(u) - 0.5) < 0.05 ? 0 : u) }],
    build: (b, [x]) => b.op("Clip", [x!, b.scalar(-0.5), b.scalar(0.5)])[0]!,
    reference: ([x]) => Array.from(x!, (v) => Math.min(0.5, Math.max(-0.5, v))),
  },
  { name: "Cast", operands: [{ shape: [3] }], build: (b, [x]) => b.cast(b.cast(x!, "float64"), "float32") },
  ...["Add", "Sub", "Mul"].flatMap((op) => broadcast(op)),
  ...["Div", "Pow"].flatMap((op) => broadcast(op, positive)),
  ...["Max", "Min"].flatMap((op) => broadcast(op, (u, i) => u + (i % 2))),
  {
    name: "Where",
    operands: [
      { shape: [2, 3], type: "bool", fixed: true, values: (_, i) => i % 2 },
      { shape: [2, 3] },
      { shape: [3] },
    ],
    build: (b, [c, x, y]) => b.where(c!, x!, y!),
  },
  {
    name: "swish, as one rule",
    operands: [{ shape: [2, 3, 2], values: (u) => 3 * u }],
    build: (b, [x]) => b.mul(x!, b.sigmoid(x!)),
    reference: ([x]) => Array.from(x!, (v) => v / (1 + Math.exp(-v))),
  },
  {
    name: "swish with the factors the other way round",
    operands: [{ shape: [4] }],
    build: (b, [x]) => b.mul(b.sigmoid(x!), x!),
  },
  {
    name: "a gate of another value is no swish",
    operands: [{ shape: [4] }, { shape: [4] }],
    build: (b, [x, y]) => b.mul(x!, b.sigmoid(y!)),
  },
  {
    name: "Softmax",
    operands: [{ shape: [3, 5] }],
    build: (b, [x]) => b.softmax(x!),
    reference: ([x]) => reference.softmax(x!, 5, false),
  },
  {
    name: "LogSoftmax",
    operands: [{ shape: [3, 5] }],
    build: (b, [x]) => b.logSoftmax(x!),
    reference: ([x]) => reference.softmax(x!, 5, true),
  },
  { name: "Softmax of the first axis", operands: [{ shape: [3, 2] }], build: (b, [x]) => b.softmax(x!, 0) },
];

const LAYOUT: Case[] = [
  { name: "Reshape", operands: [{ shape: [2, 6] }], build: (b, [x]) => b.reshape(x!, [3, 4]), step: 1 },
  { name: "Flatten", operands: [{ shape: [2, 3, 2] }], build: (b, [x]) => b.op("Flatten", [x!])[0]!, step: 1 },
  {
    name: "Squeeze",
    operands: [{ shape: [2, 1, 3] }],
    build: (b, [x]) => b.op("Squeeze", [x!, b.ints([1])])[0]!,
    step: 1,
  },
  {
    name: "Unsqueeze",
    operands: [{ shape: [2, 3] }],
    build: (b, [x]) => b.op("Unsqueeze", [x!, b.ints([1])])[0]!,
    step: 1,
  },
  { name: "Transpose", operands: [{ shape: [2, 3, 4] }], build: (b, [x]) => b.transpose(x!, [2, 0, 1]), step: 1 },
  { name: "Expand", operands: [{ shape: [3, 1] }], build: (b, [x]) => b.expand(x!, [2, 3, 4]), step: 1 },
  {
    name: "Concat",
    operands: [{ shape: [2, 3] }, { shape: [2, 2] }, { shape: [2, 1], fixed: true }],
    build: (b, xs) => b.concat(xs, 1),
    step: 1,
  },
  { name: "Pad, uneven", operands: [{ shape: [2, 3] }], build: (b, [x]) => b.pad(x!, [1, 0, 0, 2]), step: 1 },
  {
    name: "Slice of two axes",
    operands: [{ shape: [3, 7] }],
    build: (b, [x]) => b.slice(x!, { axes: [1, 0], starts: [1, -3], ends: [6, 2] }),
    step: 1,
  },
];

const reduction = (op: "ReduceSum" | "ReduceMean", axes: number[], keepdims: boolean): Case => ({
  name: `${op} of ${axes}${keepdims ? ", kept" : ""}`,
  operands: [{ shape: [2, 3, 4] }],
  build: (b, [x]) => (op === "ReduceSum" ? b.reduceSum(x!, { axes, keepdims }) : b.reduceMean(x!, { axes, keepdims })),
  step: 1,
});

const REDUCTIONS: Case[] = [
  ...(["ReduceSum", "ReduceMean"] as const).flatMap((op) => [
    reduction(op, [1], false),
    reduction(op, [0, 2], true),
    reduction(op, [-1], false),
    reduction(op, [0, 1, 2], false),
  ]),
  ...["ReduceMax", "ReduceMin"].map((op) => ({
    name: op,
    operands: [{ shape: [2, 3, 4], values: (u: number, i: number) => 0.1 * u + ((i * 7) % 11) }],
    build: (b: GraphBuilder, [x]: Value[]) => b.op(op, [x!, b.ints([1])], { keepdims: 0 })[0]!,
  })),
  {
    name: "GlobalAveragePool",
    operands: [{ shape: [2, 3, 3, 5] }],
    build: (b, [x]) => b.globalAveragePool(x!),
    reference: ([x]) =>
      Array.from(
        { length: 6 },
        (_, i) =>
          Array.from(x!)
            .slice(i * 15, i * 15 + 15)
            .reduce((a, v) => a + v, 0) / 15,
      ),
    step: 1,
  },
];

type Window = Partial<Omit<reference.ConvShape, "x" | "w">>;

const conv = (name: string, x: reference.ConvShape["x"], w: reference.ConvShape["w"], window: Window = {}): Case => {
  const { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], group = 1 } = window;
  const shape = { x, w, strides, pads, dilations, group };
  return {
    name: `Conv: ${name}`,
    operands: [{ shape: x }, { shape: w }, { shape: [w[0]] }],
    build: (b, [v, k, bias]) => b.conv(v!, k!, bias!, { strides, pads, dilations, group }),
    reference: ([v, k, bias]) => reference.conv(v!, k!, bias, shape),
    step: 1,
    tolerance: 1e-4,
  };
};
const depthwise = (
  kernel: number,
  stride: number,
  size: readonly [number, number],
  pads: reference.ConvShape["pads"],
  batch = 2,
): Case =>
  conv(
    `depthwise, kernel ${kernel}, stride ${stride}, [${size}], pads [${pads}], batch ${batch}`,
    [batch, 3, ...size],
    [3, 1, kernel, kernel],
    {
      strides: [stride, stride],
      pads,
      group: 3,
    },
  );

const CONVOLUTIONS: Case[] = [
  conv("3x3", [2, 3, 5, 7], [4, 3, 3, 3], { pads: [1, 1, 1, 1] }),
  conv("batch 1, no pads", [1, 2, 4, 4], [3, 2, 3, 3]),
  conv("stride 2, pads only at the end", [2, 3, 8, 8], [4, 3, 3, 3], { strides: [2, 2], pads: [0, 0, 1, 1] }),
  conv("stride 2, odd size, uneven pads", [1, 2, 7, 9], [3, 2, 5, 3], { strides: [2, 2], pads: [1, 0, 2, 1] }),
  conv("unequal strides", [1, 2, 7, 8], [2, 2, 3, 3], { strides: [2, 1], pads: [1, 1, 1, 1] }),
  conv("last rows unread", [1, 3, 8, 8], [4, 3, 1, 1], { strides: [3, 3] }),
  conv("dilated", [1, 2, 7, 7], [2, 2, 3, 3], { dilations: [2, 2], pads: [2, 2, 2, 2] }),
  conv("1x1", [2, 3, 4, 5], [6, 3, 1, 1]),
  conv("1x1 of one pixel", [3, 4, 1, 1], [5, 4, 1, 1]),
  conv("1x1 with stride 2", [2, 3, 5, 5], [4, 3, 1, 1], { strides: [2, 2] }),
  ...[3, 5].flatMap((k) => {
    const half = (k - 1) / 2;
    return [
      depthwise(k, 1, [7, 5], [half, half, half, half]),
      depthwise(k, 2, [7, 9], [half, half, half, half]),
      depthwise(k, 2, [8, 6], [half - 1, half - 1, half, half]),
      depthwise(k, 2, [9, 8], [half, half - 1, half, half]),
      depthwise(k, 1, [1, 1], [half, half, half, half], 1),
      depthwise(k, 2, [2, 3], [half, half, half, half], 1),
    ];
  }),
  depthwise(3, 1, [5, 5], [0, 0, 0, 0]),
  depthwise(3, 3, [8, 8], [1, 1, 0, 0]),
  conv("depthwise with unequal strides", [1, 2, 7, 8], [2, 1, 3, 3], { strides: [1, 2], pads: [1, 1, 1, 1], group: 2 }),
];

const gemm = (name: string, a: number[], w: number[], options: Parameters<GraphBuilder["gemm"]>[3]): Case => ({
  name: `Gemm: ${name}`,
  operands: [{ shape: a }, { shape: w }, { shape: [4] }],
  build: (b, [x, y, c]) => b.gemm(x!, y!, c!, options),
  step: 1,
  tolerance: 1e-4,
});

const LINEAR: Case[] = [
  gemm("plain", [2, 3], [3, 4], {}),
  gemm("both transposed", [3, 2], [4, 3], { transA: true, transB: true }),
  gemm("transposed weight and alpha", [2, 3], [4, 3], { transB: true, alpha: 0.5 }),
  {
    name: "MatMul",
    operands: [{ shape: [2, 3] }, { shape: [3, 4] }],
    build: (b, [x, y]) => b.matmul(x!, y!),
    reference: ([x, y]) => reference.matmul(x!, y!, 2, 3, 4),
    step: 1,
  },
  {
    name: "MatMul, batched against one matrix",
    operands: [{ shape: [2, 3] }, { shape: [5, 3, 4] }],
    build: (b, [x, y]) => b.matmul(x!, y!),
    step: 1,
  },
  {
    name: "MatMul, both batched",
    operands: [{ shape: [2, 1, 3, 4] }, { shape: [5, 4, 2] }],
    build: (b, [x, y]) => b.matmul(x!, y!),
    step: 1,
  },
];

const EPSILON = 1e-3;
const batchNorm = (name: string, shape: readonly [number, number, number, number], training: boolean): Case => {
  const channel = [shape[1]];
  const statistics = { shape: channel, fixed: true };
  return {
    name: `BatchNormalization: ${name}`,
    operands: [
      { shape, values: (u, i) => 2 * u + (i % 3) },
      { shape: channel, values: positive },
      { shape: channel },
      statistics,
      { ...statistics, values: positive },
    ],
    build: (b, [x, scale, shift, mean, variance]) =>
      training
        ? b.batchNormalizationTraining(x!, scale!, shift!, mean!, variance!, EPSILON).y
        : b.batchNormalization(x!, scale!, shift!, mean!, variance!, EPSILON),
    reference: (all) =>
      reference.batchNorm(training ? all.slice(0, 3) : all, [shape[0], shape[1], shape[2] * shape[3]], EPSILON),
  };
};

const NORMALIZATION: Case[] = [
  batchNorm("training", [3, 2, 3, 5], true),
  batchNorm("training, batch 1", [1, 2, 3, 3], true),
  batchNorm("training, one pixel", [5, 2, 1, 1], true),
  batchNorm("inference", [2, 3, 2, 3], false),
];

const SHARED: Case[] = [
  { name: "a value used twice by one operator", operands: [{ shape: [3] }], build: (b, [x]) => b.mul(x!, x!) },
  {
    name: "a diamond with a residual",
    operands: [{ shape: [2, 2] }],
    build: (b, [x]) => {
      const y = b.sigmoid(x!);
      return b.add(b.mul(b.exp(y), b.neg(y)), x!);
    },
  },
  {
    name: "squeeze and excitation",
    operands: [{ shape: [2, 3, 3, 3] }, { shape: [3, 3, 1, 1] }],
    build: (b, [x, w]) => b.mul(x!, b.sigmoid(b.conv(b.globalAveragePool(x!), w!, null))),
  },
];

const ALL = { ELEMENTWISE, LAYOUT, REDUCTIONS, CONVOLUTIONS, LINEAR, NORMALIZATION, SHARED };
const covered = new Set<string>();

describe.each(Object.entries(ALL))("gradients against central differences: %s", (_, cases) => {
  it.each(cases)("$name", async (one) => {
    for (const op of await checkGradient(one)) covered.add(op);
  });
});

it("has a case for every rule", () => {
  expect(Object.keys(RULES).filter((op) => !covered.has(op))).toEqual([]);
});

describe("the adjoint on larger tensors", () => {
  it.each([
    ["3x3 stride 2", [2, 16, 33, 33], [24, 16, 3, 3], { strides: [2, 2], pads: [0, 0, 1, 1] }],
    ["depthwise 5x5", [2, 48, 28, 28], [48, 1, 5, 5], { pads: [2, 2, 2, 2], group: 48 }],
    ["depthwise 5x5 stride 2", [2, 48, 29, 28], [48, 1, 5, 5], { strides: [2, 2], pads: [2, 1, 2, 2], group: 48 }],
    ["1x1", [4, 64, 14, 14], [128, 64, 1, 1], {}],
  ] as const)("%s, by the input and by the weight", async (_, x, w, window) => {
    await checkAdjoint([x, w], (b, [v, k]) => b.conv(v!, k!, null, window));
    await checkAdjoint([w, x], (b, [k, v]) => b.conv(v!, k!, null, window));
  });
});

describe("what is built", () => {
  const text = (b: GraphBuilder, y: Value, wrt: Value[]): string => {
    const dy = b.input("dy", "float32", y.shape);
    const outputs = Object.fromEntries(gradients(b, y, wrt, dy).map((g, i) => [`d${wrt[i]!.name}`, g]));
    return printGraph({ name: "gradient", inputs: [], outputs });
  };

  it("swish: four passes", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [8]);
    expect(text(b, b.mul(x, b.sigmoid(x)), [x])).toMatchInlineSnapshot(`
      "%0 = Sigmoid(x) [8]
      %1 = Mul(x, %0) [8]
      %2 = Mul(%1, %0) [8]
      %3 = Sub(%1, %2) [8]
      %4 = Add(%0, %3) [8]
      %5 = Mul(dy, %4) [8]
      dx = %5"
    `);
  });

  it("a 1x1 convolution: matrix products", () => {
    const b = new GraphBuilder();
    const [x, w] = [b.input("x", "float32", [2, 3, 4, 4]), b.input("w", "float32", [5, 3, 1, 1])];
    expect(text(b, b.conv(x, w, null), [x, w])).toMatchInlineSnapshot(`
      "%0 = Reshape(w, [5, 3]) [5, 3]
      %1 = Transpose(%0) {perm: [1,0]} [3, 5]
      %2 = Reshape(dy, [2, 5, 16]) [2, 5, 16]
      %3 = MatMul(%1, %2) [2, 3, 16]
      %4 = Reshape(%3, [2, 3, 4, 4]) [2, 3, 4, 4]
      %5 = Reshape(x, [2, 3, 16]) [2, 3, 16]
      %6 = Transpose(%5) {perm: [0,2,1]} [2, 16, 3]
      %7 = MatMul(%2, %6) [2, 5, 3]
      %8 = ReduceSum(%7, [0]) {keepdims: 0} [5, 3]
      %9 = Reshape(%8, [5, 3, 1, 1]) [5, 3, 1, 1]
      dx = %4
      dw = %9"
    `);
  });

  it("a depthwise convolution: a convolution with the flipped kernel", () => {
    const b = new GraphBuilder();
    const [x, w] = [b.input("x", "float32", [2, 3, 4, 4]), b.input("w", "float32", [3, 1, 3, 3])];
    expect(text(b, b.conv(x, w, null, { pads: [1, 1, 1, 1], group: 3 }), [x])).toMatchInlineSnapshot(`
      "%0 = Slice(w, [-1, -1], [-2147483648, -2147483648], [2, 3], [-1, -1]) [3, 1, 3, 3]
      %1 = Conv(dy, %0) {kernel_shape: [3,3], strides: [1,1], dilations: [1,1], pads: [1,1,1,1], group: 3} [2, 3, 4, 4]
      dx = %1"
    `);
  });

  it("BatchNormalization by the batch", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2, 3, 4, 4]);
    const [s, t, m, v] = ["s", "t", "m", "v"].map((name) => b.input(name, "float32", [3]));
    expect(text(b, b.batchNormalizationTraining(x, s!, t!, m!, v!, 1e-5).y, [x])).toMatchInlineSnapshot(`
      "%0 = Neg(m) [3]
      %1 = Neg(v) [3]
      %2, %3, %4 = BatchNormalization(x, s, t, %0, %1) {epsilon: 0.00001, momentum: 0, training_mode: 1} [2, 3, 4, 4] [3] [3]
      %5 = Add(%4, 0.000009999999747378752) [3]
      %6 = Sqrt(%5) [3]
      %7 = Reciprocal(%6) [3]
      %8 = Mul(s, %7) [3]
      %9 = Reshape(%8, [1, 3, 1, 1]) [1, 3, 1, 1]
      %10 = Mul(dy, %9) [2, 3, 4, 4]
      %11 = Mul(%8, %7) [3]
      %12 = Mul(dy, x) [2, 3, 4, 4]
      %13 = ReduceSum(%12, [0, 2, 3]) {keepdims: 0} [3]
      %14 = ReduceSum(dy, [0, 2, 3]) {keepdims: 0} [3]
      %15 = Mul(%3, %14) [3]
      %16 = Sub(%13, %15) [3]
      %17 = Mul(%16, %7) [3]
      %18 = Mul(%11, %17) [3]
      %19 = Mul(%18, -0.03125) [3]
      %20 = Reshape(%19, [1, 3, 1, 1]) [1, 3, 1, 1]
      %21 = Mul(x, %20) [2, 3, 4, 4]
      %22 = Mul(%8, %14) [3]
      %23 = Mul(%22, -0.03125) [3]
      %24 = Mul(%19, %3) [3]
      %25 = Sub(%23, %24) [3]
      %26 = Reshape(%25, [1, 3, 1, 1]) [1, 3, 1, 1]
      %27 = Add(%21, %26) [2, 3, 4, 4]
      %28 = Add(%10, %27) [2, 3, 4, 4]
      dx = %28"
    `);
  });

  it("LogSoftmax", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2, 3]);
    expect(text(b, b.logSoftmax(x), [x])).toMatchInlineSnapshot(`
      "%0 = LogSoftmax(x) {axis: -1} [2, 3]
      %1 = Exp(%0) [2, 3]
      %2 = ReduceSum(dy, [1]) {keepdims: 1} [2, 1]
      %3 = Mul(%1, %2) [2, 3]
      %4 = Sub(dy, %3) [2, 3]
      dx = %4"
    `);
  });

  it("nothing that wrt does not need", () => {
    const b = new GraphBuilder();
    const [x, w] = [b.input("x", "float32", [2, 3, 4, 4]), b.input("w", "float32", [5, 3, 3, 3])];
    const v = b.input("v", "float32", [5, 1, 1, 1]);
    const y = b.mul(b.reshape(b.globalAveragePool(b.conv(x, w, null)), [2, 5, 1, 1]), b.reshape(v, [1, 5, 1, 1]));
    const [dv] = gradients(b, b.reduceSum(y, { axes: [0, 1, 2, 3] }), [v]);
    const forward = new Set(nodesFor([y]));
    const added = nodesFor([dv!]).filter((node) => !forward.has(node));
    expect(added.map(({ op }) => op)).not.toContain("ConvTranspose");
    expect(added.length).toBeLessThan(8);
  });

  it("zeros for a value that the loss does not depend on", () => {
    const b = new GraphBuilder();
    const [x, z] = [b.input("x", "float32", [2]), b.input("z", "float32", [3])];
    const [dz] = gradients(b, b.reduceSum(x, { axes: [0] }), [z]);
    expect(dz!.shape).toEqual([3]);
    expect(elements(dz!.shape)).toBe(3);
  });
});

describe("what is refused", () => {
  const attempt = (build: (b: GraphBuilder, x: Value) => Value, wrt?: "w") => (): unknown => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [1, 4, 4, 4]);
    const y = build(b, x);
    const inputs = y.source.kind === "node" ? y.source.node.inputs : [];
    return gradients(b, b.reduceSum(y, { axes: [...y.shape.keys()] }), [wrt === "w" ? inputs[1]! : x]);
  };
  const grouped: Attributes = { group: 2, kernel_shape: [3, 3] };

  it("the weight of a convolution in groups", () => {
    const make = attempt((b, x) => b.op("Conv", [x, b.input("w", "float32", [4, 2, 3, 3])], grouped)[0]!, "w");
    expect(make).toThrow(UnsupportedOperatorError);
    expect(make).toThrow("4 channels in 2 groups has no gradient by its weight");
  });

  it("an operator without a rule", () => {
    const make = attempt((b, x) => b.op("Erf", [x])[0]!);
    expect(make).toThrow(UnsupportedOperatorError);
    expect(make).toThrow('Erf "Erf" has no gradient rule; freeze what lies before it. Rules exist for: Abs, Add,');
  });

  it("a Slice with steps", () => {
    const make = attempt((b, x) => b.slice(x, { axes: [2], starts: [0], ends: [4], steps: [2] }));
    expect(make).toThrow('Slice "Slice": steps other than 1 have no gradient rule.');
  });

  it("a loss that is no scalar, and a cotangent of another shape", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2]);
    expect(() => gradients(b, x, [x])).toThrow(ShapeError);
    expect(() => gradients(b, x, [x])).toThrow('"x" [2] is no scalar; reduce it first');
    expect(() => gradients(b, x, [x], b.scalar(1))).toThrow("dy [] must have the shape");
  });
});
