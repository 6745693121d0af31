import { describe, expect, it } from "vitest";
import { UnsupportedOperatorError } from "../errors.js";
import { GraphBuilder } from "../onnx/index.js";
import { checkAdjoint, checkRules, gradientText } from "./check.testing.js";
import { convolutionGradient } from "./convolution.js";
import { convolution } from "./convolution.testing.js";
import { gradients } from "./gradients.js";

describe("the rule of Conv, against central differences", () => {
  checkRules({ Conv: convolutionGradient }, [
    convolution("3x3", [2, 3, 5, 7], [4, 3, 3, 3], { pads: [1, 1, 1, 1] }),
    convolution("batch 1, no pads", [1, 2, 4, 4], [3, 2, 3, 3]),
    convolution("pads only at the end, stride 2", [2, 3, 8, 8], [4, 3, 3, 3], { strides: [2, 2], pads: [0, 0, 1, 1] }),
    convolution("uneven pads, odd size, stride 2", [1, 3, 7, 9], [3, 3, 5, 3], { strides: [2, 2], pads: [1, 0, 2, 1] }),
    convolution("unequal strides", [1, 2, 7, 8], [2, 2, 3, 3], { strides: [2, 1], pads: [1, 1, 1, 1] }),
    convolution("pads wider than the kernel", [1, 9, 3, 3], [2, 9, 2, 2], { strides: [2, 2], pads: [3, 2, 3, 3] }),
    convolution("last rows unread", [1, 3, 8, 8], [4, 3, 1, 1], { strides: [3, 3] }),
    convolution("last rows unread by a wide kernel", [1, 4, 8, 10], [2, 4, 3, 3], { strides: [4, 3] }),
    convolution("dilated", [1, 4, 7, 7], [2, 4, 3, 3], { dilations: [2, 2], pads: [2, 2, 2, 2] }),
    convolution("unequally dilated, stride 2, rows unread", [1, 6, 8, 9], [2, 6, 3, 2], {
      dilations: [2, 3],
      strides: [2, 2],
    }),
    convolution("few elements a result, dilated", [2, 3, 7, 7], [2, 3, 3, 3], {
      dilations: [2, 2],
      pads: [2, 2, 2, 2],
    }),
    convolution("few elements a result, rows unread", [1, 2, 8, 10], [2, 2, 3, 3], { strides: [4, 3] }),
    convolution("1x1", [2, 3, 4, 5], [6, 3, 1, 1]),
    convolution("1x1, batch 1, one pixel", [1, 4, 1, 1], [5, 4, 1, 1]),
    convolution("1x1 of one channel", [2, 1, 3, 3], [1, 1, 1, 1]),
    convolution("1x1 with stride 2", [2, 3, 5, 5], [4, 3, 1, 1], { strides: [2, 2] }),
    convolution("1x1 with pads", [1, 2, 3, 3], [2, 2, 1, 1], { pads: [1, 0, 0, 2] }),
    {
      ...convolution("in groups, the weight frozen", [1, 4, 5, 5], [6, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
      operands: [{ shape: [1, 4, 5, 5] }, { shape: [6, 2, 3, 3], fixed: true }, { shape: [6] }],
    },
  ]);
});

describe("the adjoint of Conv on larger tensors", () => {
  it.each([
    ["3x3 with stride 2", [2, 16, 33, 33], [24, 16, 3, 3], { strides: [2, 2], pads: [0, 0, 1, 1] }],
    ["1x1", [4, 64, 14, 14], [128, 64, 1, 1], {}],
    ["1x1 with stride 2", [2, 32, 15, 15], [48, 32, 1, 1], { strides: [2, 2] }],
  ] as const)("%s, by the input and by the weight", async (_, x, w, window) => {
    await checkAdjoint([x, w], (b, [v, k]) => b.conv(v!, k!, null, window));
    await checkAdjoint([w, x], (b, [k, v]) => b.conv(v!, k!, null, window));
  });
});

describe("what the rule of Conv builds", () => {
  it("matrix products for 1x1", () => {
    const b = new GraphBuilder();
    const [x, w] = [b.input("x", "float32", [2, 3, 4, 4]), b.input("w", "float32", [5, 3, 1, 1])];
    expect(gradientText(b, b.conv(x, w, null), [x, w])).toMatchInlineSnapshot(`
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
      d x = %4
      d w = %9"
    `);
  });

  it("a transposed convolution, and one with batch and channels exchanged, for 3x3 with stride 2", () => {
    const b = new GraphBuilder();
    const [x, w] = [b.input("x", "float32", [2, 4, 8, 8]), b.input("w", "float32", [5, 4, 3, 3])];
    const y = b.conv(x, w, null, { strides: [2, 2], pads: [0, 0, 1, 1] });
    expect(gradientText(b, y, [x, w])).toMatchInlineSnapshot(`
      "%0 = ConvTranspose(dy, w) {kernel_shape: [3,3], strides: [2,2], dilations: [1,1], pads: [0,0,1,1], group: 1, output_padding: [0,0]} [2, 4, 8, 8]
      %1 = Transpose(x) {perm: [1,0,2,3]} [4, 2, 8, 8]
      %2 = Transpose(dy) {perm: [1,0,2,3]} [5, 2, 4, 4]
      %3 = Conv(%1, %2) {kernel_shape: [4,4], strides: [1,1], dilations: [2,2], pads: [0,0,1,1], group: 1} [4, 5, 3, 3]
      %4 = Transpose(%3) {perm: [1,0,2,3]} [5, 4, 3, 3]
      d x = %0
      d w = %4"
    `);
  });

  it("a product of dy and patches, for the weight of a stem", () => {
    const b = new GraphBuilder();
    const [x, w] = [b.input("x", "float32", [2, 3, 8, 8]), b.input("w", "float32", [5, 3, 3, 3])];
    const y = b.conv(x, w, null, { strides: [2, 2], pads: [0, 0, 1, 1] });
    expect(gradientText(b, y, [w])).toMatchInlineSnapshot(`
      "%0 = Reshape(dy, [2, 5, 16]) [2, 5, 16]
      %1 = Conv(x, float32[27, 3, 3, 3]) {kernel_shape: [3,3], strides: [2,2], dilations: [1,1], pads: [0,0,1,1], group: 1} [2, 27, 4, 4]
      %2 = Reshape(%1, [2, 27, 16]) [2, 27, 16]
      %3 = Transpose(%2) {perm: [0,2,1]} [2, 16, 27]
      %4 = MatMul(%0, %3) [2, 5, 27]
      %5 = ReduceSum(%4, [0]) {keepdims: 0} [5, 27]
      %6 = Reshape(%5, [5, 3, 3, 3]) [5, 3, 3, 3]
      d w = %6"
    `);
  });

  it("one sum for the bias alone", () => {
    const b = new GraphBuilder();
    const [x, w] = [b.input("x", "float32", [2, 3, 8, 8]), b.input("w", "float32", [5, 3, 3, 3])];
    const bias = b.input("bias", "float32", [5]);
    expect(gradientText(b, b.conv(x, w, bias), [bias])).toMatchInlineSnapshot(`
      "%0 = ReduceSum(dy, [0, 2, 3]) {keepdims: 0} [5]
      d bias = %0"
    `);
  });
});

describe("what the rule of Conv refuses", () => {
  it.each([
    {
      name: "groups",
      w: [4, 2, 3, 3],
      window: { group: 2 },
      says: "4 channels in 2 groups with a weight of [4, 2, 3, 3]",
    },
    {
      name: "two filters a channel",
      w: [8, 1, 3, 3],
      window: { group: 4 },
      says: "in 4 groups with a weight of [8, 1, 3, 3]",
    },
    {
      name: "dilated depthwise filters",
      w: [4, 1, 2, 2],
      window: { group: 4, dilations: [2, 2] as const },
      says: "in 4 groups with a weight of [4, 1, 2, 2]",
    },
  ])("the weight of $name", ({ w, window, says }) => {
    const b = new GraphBuilder();
    const weight = b.input("w", "float32", w);
    const y = b.conv(b.input("x", "float32", [1, 4, 4, 4]), weight, null, window);
    const make = (): unknown => gradients(b, y, [weight], b.input("dy", "float32", y.shape));
    expect(make).toThrow(UnsupportedOperatorError);
    expect(make).toThrow(says);
    expect(make).toThrow("group must be 1, or the number of channels with one undilated filter each. Freeze it.");
  });
});
