import { describe, expect, it } from "vitest";
import { UnsupportedOperatorError } from "../errors.js";
import { type Attributes, GraphBuilder } from "../onnx/index.js";
import { type Case, checkRules, gradientText } from "./check.testing.js";
import { gradients } from "./gradients.js";
import { NORMALIZATION_RULES } from "./normalization.js";
import * as reference from "./references.testing.js";

const EPSILON = 1e-3;
const positive = (u: number): number => 1.5 + u;

const batchNorm = (mode: "training" | "inference", shape: readonly number[], fixed: readonly number[] = []): Case => {
  const [n, c, ...rest] = shape as [number, number, ...number[]];
  const frozen = fixed.map((i) => ["x", "scale", "shift"][i]).join(" and ");
  return {
    name: `${mode}, [${shape}]${frozen && `, ${frozen} frozen`}`,
    operands: [
      // Another mean a channel.
      { shape, values: (u, i) => 2 * u + (i % 3), fixed: fixed.includes(0) },
      { shape: [c], values: positive, fixed: fixed.includes(1) },
      { shape: [c], fixed: fixed.includes(2) },
      { shape: [c], fixed: true },
      { shape: [c], fixed: true, values: positive },
    ],
    build: (b, [x, scale, shift, mean, variance]) =>
      mode === "training"
        ? b.batchNormalizationTraining(x!, scale!, shift!, mean!, variance!, EPSILON).y
        : b.batchNormalization(x!, scale!, shift!, mean!, variance!, EPSILON),
    reference: (all) =>
      reference.batchNorm(
        mode === "training" ? all.slice(0, 3) : all,
        [n, c, rest.reduce((product, extent) => product * extent, 1)],
        EPSILON,
      ),
  };
};

describe("the rule of BatchNormalization, against central differences", () => {
  checkRules(NORMALIZATION_RULES, [
    batchNorm("training", [3, 2, 3, 5]),
    batchNorm("training", [1, 2, 3, 3]),
    batchNorm("training", [5, 2, 1, 1]),
    batchNorm("training", [4, 1, 2, 2]),
    batchNorm("training", [3, 2, 2, 2], [0]),
    batchNorm("training", [3, 2, 2, 2], [1, 2]),
    batchNorm("inference", [2, 3, 2, 3]),
    batchNorm("inference", [1, 2, 1, 1]),
    batchNorm("inference", [4, 3]),
    batchNorm("inference", [2, 3, 2, 2], [0]),
    batchNorm("inference", [2, 3, 2, 2], [1, 2]),
  ]);
});

describe("what the rule of BatchNormalization builds", () => {
  const operands = () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2, 3, 4, 4]);
    const [scale, shift, mean, variance] = ["scale", "shift", "mean", "variance"].map((name) =>
      b.input(name, "float32", [3]),
    );
    return { b, x, scale: scale!, shift: shift!, mean: mean!, variance: variance! };
  };

  it("in training: seven passes over the activations", () => {
    const { b, x, scale, shift, mean, variance } = operands();
    const { y } = b.batchNormalizationTraining(x, scale, shift, mean, variance, EPSILON);
    expect(gradientText(b, y, [x, scale, shift])).toMatchInlineSnapshot(`
      "%0 = Neg(mean) [3]
      %1 = Neg(variance) [3]
      %2, %3, %4 = BatchNormalization(x, scale, shift, %0, %1) {epsilon: 0.001, momentum: 0, training_mode: 1} [2, 3, 4, 4] [3] [3]
      %5 = Add(%4, 0.0010000000474974513) [3]
      %6 = Sqrt(%5) [3]
      %7 = Reciprocal(%6) [3]
      %8 = Mul(scale, %7) [3]
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
      d x = %28
      d scale = %17
      d shift = %14"
    `);
  });

  it("in inference: one product for the input", () => {
    const { b, x, scale, shift, mean, variance } = operands();
    expect(gradientText(b, b.batchNormalization(x, scale, shift, mean, variance, EPSILON), [x])).toMatchInlineSnapshot(`
      "%0 = Add(variance, 0.0010000000474974513) [3]
      %1 = Sqrt(%0) [3]
      %2 = Reciprocal(%1) [3]
      %3 = Mul(%2, scale) [3]
      %4 = Reshape(%3, [1, 3, 1, 1]) [1, 3, 1, 1]
      %5 = Mul(dy, %4) [2, 3, 4, 4]
      d x = %5"
    `);
  });

  const attempt = (attributes: Attributes, output: number, wrt: "x" | "mean") => (): unknown => {
    const { b, scale, shift, ...rest } = operands();
    const y = b.op("BatchNormalization", [rest.x, scale, shift, rest.mean, rest.variance], attributes)[output]!;
    return gradients(b, y, [rest[wrt]], b.input("dy", "float32", y.shape));
  };

  it.each([
    ["by the running mean", attempt({}, 0, "mean")],
    ["of the batch's variance", attempt({ training_mode: 1, momentum: 0 }, 2, "x")],
  ])("nothing %s", (_, make) => {
    expect(make).toThrow(UnsupportedOperatorError);
    expect(make).toThrow('BatchNormalization "BatchNormalization": its statistics have no gradient rule.');
  });

  it.each([
    [{ training_mode: 1 }, "momentum 0.9 in training mode has no gradient rule; give 0"],
    [{ training_mode: 1, momentum: 0.5 }, "momentum 0.5 in training mode has no gradient rule; give 0"],
  ])("nothing for statistics that the batch's are mixed with: %o", (attributes, says) => {
    const make = attempt(attributes, 0, "x");
    expect(make).toThrow(UnsupportedOperatorError);
    expect(make).toThrow(says);
  });
});
