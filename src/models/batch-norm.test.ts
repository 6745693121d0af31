import { describe, expect, it } from "vitest";
import { gradients } from "../autodiff/index.js";
import { noise, run, worst } from "../engine.testing.js";
import { GraphBuilder, type Value } from "../onnx/index.js";
import { type Affine, foldedBatchNorm, type Normalized, pointwiseBatchNorm, primitiveBatchNorm } from "./batch-norm.js";

type Form = (b: GraphBuilder, x: Value, w: Value, affine: Affine) => Normalized;

const FORMS: Readonly<Record<string, Form>> = {
  "in primitive operators": (b, x, w, affine) => primitiveBatchNorm(b, b.conv(x, w, null), affine),
  "joined with a 1x1 convolution": pointwiseBatchNorm,
  "behind a frozen 1x1 convolution": (b, x, w, affine) => pointwiseBatchNorm(b, x, w, affine, { frozen: true }),
};

const reference: Form = (b, x, w, { weight, bias, epsilon }) => {
  const running = (name: string): Value => b.parameter(`running_${name}`, [w.shape[0]!]);
  return b.batchNormalizationTraining(b.conv(x, w, null), weight, bias, running("mean"), running("variance"), epsilon);
};

/** What a form gives, and the gradient of Σ y v by each operand. */
async function results(form: Form, shape: readonly [number, number, number, number]) {
  const b = new GraphBuilder();
  const outputs = 6 * shape[1];
  const x = b.input("x", "float32", shape);
  const w = b.parameter("w", [outputs, shape[1], 1, 1]);
  const [weight, bias] = [b.parameter("weight", [outputs]), b.parameter("bias", [outputs])];
  // Channels far from zero, where the variance is a small difference.
  const shifted = b.add(x, b.constant(Float32Array.of(5), "float32", [1]));
  const { y, mean, variance } = form(b, shifted, w, { weight, bias, epsilon: 1e-3 });
  const loss = b.reduceSum(b.mul(y, b.parameter("v", y.shape)), { axes: [0, 1, 2, 3] });
  const [dx, dw, dweight, dbias] = gradients(b, loss, [x, w, weight, bias]);
  const all = { y, mean, variance, dx: dx!, dw: dw!, dweight: dweight!, dbias: dbias! };
  const graph = { name: "form", inputs: [x], outputs: all };
  return run(graph, ({ name, shape: own }) => noise(name, own), { x: noise("x", shape) });
}

describe.each(Object.entries(FORMS))("BatchNorm by the batch %s", (_, form) => {
  it.each([
    ["large maps", [2, 3, 17, 16]],
    ["small maps", [6, 16, 2, 3]],
    ["one picture", [1, 4, 5, 5]],
  ] as const)("equals the engine's, and so do its gradients: %s", async (_name, shape) => {
    const [ours, theirs] = [await results(form, shape), await results(reference, shape)];
    for (const [name, values] of Object.entries(theirs)) {
      const scale = worst(values, new Float32Array(values.length));
      expect(worst(ours[name]!, values) / scale, name).toBeLessThan(2e-5);
    }
  });
});

describe("BatchNorm by given statistics, inside the convolution before it", () => {
  it.each([
    ["dense", 1, [1, 1], [0, 0, 0, 0]],
    ["depthwise, with uneven pads", 4, [2, 2], [0, 0, 1, 1]],
  ] as const)("equals the operator, and so does its gradient by the input: %s", async (_, group, strides, pads) => {
    const found = await Promise.all(
      [true, false].map((folded) => {
        const b = new GraphBuilder();
        const x = b.input("x", "float32", [2, 4, 7, 8]);
        const parameter = (name: string): Value => b.parameter(name, [4]);
        const [weight, bias, mean] = [parameter("weight"), parameter("bias"), parameter("mean")];
        const deviation = parameter("deviation");
        const variance = b.mul(deviation, deviation);
        const z = b.conv(x, b.parameter("w", [4, 4 / group, 3, 3]), null, { group, strides, pads });
        const y = folded
          ? foldedBatchNorm(b, z, { weight, bias, epsilon: 1e-3 }, { mean, variance })!
          : b.batchNormalization(z, weight, bias, mean, variance, 1e-3);
        const loss = b.reduceSum(b.mul(y, b.parameter("v", y.shape)), { axes: [0, 1, 2, 3] });
        const [dx] = gradients(b, loss, [x]);
        const graph = { name: "form", inputs: [x], outputs: { y, dx: dx! } };
        return run(graph, ({ name, shape }) => noise(name, shape), { x: noise("x", x.shape) });
      }),
    );
    for (const name of ["y", "dx"]) {
      const [ours, theirs] = found.map((outputs) => outputs[name]!);
      expect(worst(ours!, theirs!) / worst(theirs!, new Float32Array(theirs!.length)), name).toBeLessThan(1e-5);
    }
  });

  it("leaves alone what no convolution made", () => {
    const b = new GraphBuilder();
    const [x, v] = [b.input("x", "float32", [2, 4, 7, 8]), b.parameter("v", [4])];
    expect(foldedBatchNorm(b, x, { weight: v, bias: v, epsilon: 1e-3 }, { mean: v, variance: v })).toBeNull();
  });
});
