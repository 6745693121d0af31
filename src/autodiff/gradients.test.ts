import { describe, expect, it } from "vitest";
import { ShapeError, UnsupportedOperatorError } from "../errors.js";
import { GraphBuilder, nodesFor, type Value } from "../onnx/index.js";
import { BLOCKED_RULES } from "./blocked.js";
import { type Case, checkGradient, gradientText } from "./check.testing.js";
import { ELEMENTWISE_RULES } from "./elementwise.js";
import { gradients, RULES } from "./gradients.js";
import { LAYOUT_RULES } from "./layout.js";
import { LINEAR_RULES } from "./linear.js";
import { NORMALIZATION_RULES } from "./normalization.js";
import { REDUCTION_RULES } from "./reduce.js";

it("has the rules of six families, each with a test of its own that covers them all, and no operator twice", () => {
  const families = [ELEMENTWISE_RULES, REDUCTION_RULES, LAYOUT_RULES, LINEAR_RULES, NORMALIZATION_RULES, BLOCKED_RULES];
  expect(Object.keys(RULES).sort()).toEqual(families.flatMap((rules) => Object.keys(rules)).sort());
});

/** Mean cross-entropy of [N, classes] with targets (1 - s) at the label and s / classes everywhere. */
const crossEntropy = (batch: number, classes: number, smoothing: number): Case => {
  const labels = Array.from({ length: batch }, (_, i) => (i * 2 + 1) % classes);
  const target = labels.flatMap((label) =>
    Array.from({ length: classes }, (_, k) => (k === label ? 1 - smoothing : 0) + smoothing / classes),
  );
  return {
    name: `cross-entropy of ${batch} pictures with smoothing ${smoothing}`,
    operands: [{ shape: [batch, classes], values: (u) => 5 * u }],
    build: (b, [logits]) => {
      const [indices, wanted] = [Int32Array.from({ length: classes }, (_, i) => i), Int32Array.from(labels)];
      const hit = b.equal(b.constant(wanted, "int32", [batch, 1]), b.constant(indices, "int32", [1, classes]));
      const smooth = b.add(b.scale(b.cast(hit, "float32"), 1 - smoothing), b.scalar(smoothing / classes));
      return b.scale(b.reduceSum(b.mul(smooth, b.logSoftmax(logits!)), { axes: [0, 1] }), -1 / batch);
    },
    reference: ([logits]) => {
      let loss = 0;
      for (let n = 0; n < batch; n++) {
        const row = Array.from({ length: classes }, (_, k) => logits![n * classes + k]!);
        const logSum = Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0));
        row.forEach((v, k) => {
          loss -= (target[n * classes + k]! * (v - logSum)) / batch;
        });
      }
      return [loss];
    },
  };
};

const exponential = (x: ArrayLike<number> | undefined): number[] => Array.from(x!, Math.exp);

describe("gradients through several operators, against central differences", () => {
  it.each<Case>([
    {
      name: "a value used twice by one operator",
      operands: [{ shape: [3] }],
      build: (b, [x]) => b.mul(x!, x!),
      reference: ([x]) => Array.from(x!, (v) => v * v),
    },
    {
      name: "a diamond with a residual",
      operands: [{ shape: [2, 2] }],
      build: (b, [x]) => {
        const y = b.exp(x!);
        return b.add(b.mul(b.sqrt(y), b.neg(y)), x!);
      },
      reference: ([x]) => Array.from(x!, (v) => -Math.exp(1.5 * v) + v),
    },
    {
      name: "zeros for what the result does not depend on",
      operands: [{ shape: [2] }, { shape: [2, 3] }, { shape: [] }],
      build: (b, [x]) => b.exp(x!),
      reference: ([x]) => exponential(x),
    },
    {
      name: "zeros behind what does not move",
      operands: [{ shape: [3] }, { shape: [3] }],
      build: (b, [x, w]) => b.add(b.exp(x!), b.cast(b.greater(w!, b.scalar(9)), "float32")),
      reference: ([x]) => exponential(x),
    },
    crossEntropy(3, 5, 0.1),
    crossEntropy(1, 4, 0),
    {
      name: "squeeze and excitation",
      operands: [{ shape: [2, 3, 3, 3] }, { shape: [3, 3, 1, 1] }],
      build: (b, [x, w]) => b.mul(x!, b.sigmoid(b.conv(b.globalAveragePool(x!), w!, null))),
    },
    {
      name: "an inverted bottleneck with batch norm and a residual",
      operands: [
        { shape: [2, 2, 5, 5] },
        { shape: [4, 2, 1, 1] },
        { shape: [4, 1, 3, 3] },
        { shape: [4], values: (u) => 1.5 + u },
        { shape: [4] },
        { shape: [2, 4, 1, 1] },
      ],
      build: (b, [x, expand, depthwise, scale, shift, project]) => {
        const [zeros, ones] = [0, 1].map((v) => b.constant(new Float32Array(4).fill(v), "float32", [4]));
        const h = b.conv(b.conv(x!, expand!, null), depthwise!, null, { pads: [1, 1, 1, 1], group: 4 });
        const { y } = b.batchNormalizationTraining(h, scale!, shift!, zeros!, ones!, 1e-3);
        return b.add(x!, b.conv(b.mul(y, b.sigmoid(y)), project!, null));
      },
    },
    {
      name: "normalised pictures, by what they are normalised with",
      operands: [{ shape: [1, 2, 2, 3], fixed: true }, { shape: [1, 3, 1, 1] }, { shape: [1, 3, 1, 1] }],
      build: (b, [pixels, mean, std]) =>
        b.mul(b.sub(b.transpose(b.cast(pixels!, "float32"), [0, 3, 1, 2]), mean!), std!),
    },
  ])("$name", (one) => checkGradient(one));
});

describe("which nodes are built", () => {
  const network = () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2, 3, 4, 4]);
    const [stem, classifier] = [b.parameter("stem", [5, 3, 3, 3]), b.parameter("classifier", [4, 5])];
    const features = b.reshape(b.globalAveragePool(b.relu(b.conv(x, stem, null, { strides: [2, 2] }))), [2, 5]);
    return { b, x, stem, classifier, features, logits: b.gemm(features, classifier, null, { transB: true }) };
  };
  /** Operators of the gradient by `wrt` that the forward graph has not got. */
  const added = (wrt: "x" | "stem" | "classifier" | "features"): string[] => {
    const { b, logits, ...values } = network();
    const forward = new Set(nodesFor([logits]));
    return nodesFor(gradients(b, logits, [values[wrt]], b.input("dy", "float32", logits.shape)))
      .filter((node) => !forward.has(node))
      .map(({ op }) => op);
  };

  it("one product for the classifier", () => expect(added("classifier")).toEqual(["Gemm"]));
  it("one product up to the features", () => expect(added("features")).toEqual(["Gemm"]));
  it("no gradient of the picture for the stem's weight", () => {
    expect(added("stem")).toContain("Conv");
    expect(added("stem")).not.toContain("ConvTranspose");
  });
  it("no gradient of the weight for the picture", () => {
    expect(added("x")).toContain("ConvTranspose");
    expect(added("x")).not.toContain("Conv");
  });

  it("four passes for swish", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [8]);
    expect(gradientText(b, b.mul(x, b.sigmoid(x)), [x])).toMatchInlineSnapshot(`
      "%0 = Sigmoid(x) [8]
      %1 = Mul(x, %0) [8]
      %2 = Mul(%1, %0) [8]
      %3 = Sub(%1, %2) [8]
      %4 = Add(%0, %3) [8]
      %5 = Mul(dy, %4) [8]
      d x = %5"
    `);
  });

  it("the softmax from its logarithm for LogSoftmax", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2, 3]);
    expect(gradientText(b, b.logSoftmax(x), [x])).toMatchInlineSnapshot(`
      "%0 = LogSoftmax(x) {axis: -1} [2, 3]
      %1 = Exp(%0) [2, 3]
      %2 = ReduceSum(dy, [1]) {keepdims: 1} [2, 1]
      %3 = Mul(%1, %2) [2, 3]
      %4 = Sub(dy, %3) [2, 3]
      d x = %4"
    `);
  });

  it("ones where no cotangent is given, and dy itself for the result", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [1, 1]);
    const y = b.neg(x);
    const [dx, dy] = gradients(b, y, [x, y]);
    expect([dx!.shape, dy!.shape]).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(dx!.source).toMatchObject({ kind: "node", node: { op: "Neg", inputs: [dy] } });
  });

  it("zeros and ones of the type of what they stand for", () => {
    const b = new GraphBuilder();
    const [x, z] = [b.input("x", "float64", []), b.input("z", "float64", [2])];
    expect(gradients(b, b.neg(x), [x, z]).map(({ type }) => type)).toEqual(["float64", "float64"]);
  });
});

describe("what is refused", () => {
  const of = (shape: readonly number[]): { b: GraphBuilder; x: Value } => {
    const b = new GraphBuilder();
    return { b, x: b.input("x", "float32", shape) };
  };

  it("an operator without a rule, on the way only", () => {
    const { b, x } = of([]);
    const make = (): unknown => gradients(b, b.neg(b.op("Softsign", [x])[0]!), [x]);
    expect(make).toThrow(UnsupportedOperatorError);
    expect(make).toThrow(
      'Softsign "Softsign" has no gradient rule; freeze what lies before it. Rules exist for: Abs, Add,',
    );
    const w = b.input("w", "float32", []);
    expect(gradients(b, b.mul(b.op("Softsign", [x])[0]!, w), [w])).toHaveLength(1);
  });

  it("a loss that is no scalar", () => {
    const { b, x } = of([2]);
    expect(() => gradients(b, x, [x])).toThrow(ShapeError);
    expect(() => gradients(b, x, [x])).toThrow(
      'gradients: "x" [2] is no scalar; reduce it first, or give its cotangent as dy.',
    );
  });

  it("a cotangent of another shape", () => {
    const { b, x } = of([2]);
    expect(() => gradients(b, x, [x], b.scalar(1))).toThrow(ShapeError);
    expect(() => gradients(b, x, [x], b.scalar(1))).toThrow('gradients: dy [] must have the shape of "x", [2].');
  });
});
