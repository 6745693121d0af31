import { describe, expect, it } from "vitest";
import { GraphBuilder, nodesFor } from "../onnx/index.js";
import { checkAdjoint, checkRules, gradientText } from "./check.testing.js";
import { convolutionGradient } from "./convolution.js";
import { convolution, type Window } from "./convolution.testing.js";
import { gradients } from "./gradients.js";

type Pads = NonNullable<Window["pads"]>;

const depthwise = (kernel: number, stride: number, size: readonly [number, number], pads: Pads, batch = 2) =>
  convolution(
    `${kernel}x${kernel}, stride ${stride}, [${size}], pads [${pads}], batch ${batch}`,
    [batch, 3, ...size],
    [3, 1, kernel, kernel],
    { strides: [stride, stride], pads, group: 3 },
  );

describe("the rule of depthwise Conv, against central differences", () => {
  checkRules({ Conv: convolutionGradient }, [
    ...[3, 5].flatMap((k) => {
      const half = (k - 1) / 2;
      const around: Pads = [half, half, half, half];
      return [
        depthwise(k, 1, [7, 5], around),
        depthwise(k, 1, [6, 8], around),
        depthwise(k, 1, [1, 1], around, 1),
        depthwise(k, 1, [6, 5], [half - 1, half, half, half - 1]),
        depthwise(k, 2, [7, 9], around),
        depthwise(k, 2, [8, 6], [half - 1, half - 1, half, half]),
        depthwise(k, 2, [9, 8], [half, half - 1, half, half]),
        depthwise(k, 2, [2, 3], around, 1),
        depthwise(k, 2, [1, 1], around, 1),
      ];
    }),
    depthwise(3, 1, [5, 5], [0, 0, 0, 0]),
    depthwise(3, 2, [8, 8], [0, 0, 0, 0]),
    depthwise(3, 3, [8, 8], [1, 1, 0, 0]),
    depthwise(1, 2, [5, 4], [0, 0, 0, 0]),
    depthwise(2, 4, [9, 11], [0, 0, 0, 0]),
    depthwise(3, 1, [4, 4], [3, 0, 1, 4]),
    depthwise(3, 2, [4, 4], [3, 0, 1, 4]),
    convolution("unequal strides", [1, 2, 7, 8], [2, 1, 3, 3], { strides: [1, 2], pads: [1, 1, 1, 1], group: 2 }),
    convolution("unequal kernel", [2, 2, 6, 7], [2, 1, 5, 3], { strides: [2, 2], pads: [2, 1, 2, 1], group: 2 }),
    {
      ...convolution("dilated, the weight frozen", [1, 2, 7, 7], [2, 1, 3, 3], { dilations: [2, 2], group: 2 }),
      operands: [{ shape: [1, 2, 7, 7] }, { shape: [2, 1, 3, 3], fixed: true }, { shape: [2] }],
    },
  ]);
});

describe("the adjoint of depthwise Conv on larger tensors", () => {
  it.each([
    ["3x3", [1, 32, 57, 56], [32, 1, 3, 3], { pads: [1, 1, 1, 1], group: 32 }],
    ["3x3 with stride 2", [2, 32, 56, 56], [32, 1, 3, 3], { strides: [2, 2], pads: [0, 0, 1, 1], group: 32 }],
    ["5x5", [2, 48, 28, 28], [48, 1, 5, 5], { pads: [2, 2, 2, 2], group: 48 }],
    ["5x5 with stride 2", [2, 48, 29, 28], [48, 1, 5, 5], { strides: [2, 2], pads: [2, 1, 2, 2], group: 48 }],
  ] as const)("%s, by the input and by the weight", async (_, x, w, window) => {
    await checkAdjoint([x, w], (b, [v, k]) => b.conv(v!, k!, null, window));
    await checkAdjoint([w, x], (b, [k, v]) => b.conv(v!, k!, null, window));
  });
});

describe("what the rule of depthwise Conv builds", () => {
  const operands = (size: number, k: number) => {
    const b = new GraphBuilder();
    return { b, x: b.input("x", "float32", [2, 3, size, size]), w: b.input("w", "float32", [3, 1, k, k]) };
  };

  it("by the input: a convolution with the flipped kernel", () => {
    const { b, x, w } = operands(4, 3);
    const y = b.conv(x, w, null, { pads: [1, 1, 1, 1], group: 3 });
    expect(gradientText(b, y, [x])).toMatchInlineSnapshot(`
      "%0 = Slice(w, [-1, -1], [-2147483648, -2147483648], [2, 3], [-1, -1]) [3, 1, 3, 3]
      %1 = Conv(dy, %0) {kernel_shape: [3,3], strides: [1,1], dilations: [1,1], pads: [1,1,1,1], group: 3} [2, 3, 4, 4]
      d x = %1"
    `);
  });

  it("by the input at stride 2: a transposed convolution", () => {
    const { b, x, w } = operands(8, 3);
    const y = b.conv(x, w, null, { strides: [2, 2], pads: [0, 0, 1, 1], group: 3 });
    expect(gradientText(b, y, [x])).toMatchInlineSnapshot(`
      "%0 = ConvTranspose(dy, w) {kernel_shape: [3,3], strides: [2,2], dilations: [1,1], pads: [0,0,1,1], group: 3, output_padding: [0,0]} [2, 3, 8, 8]
      d x = %0"
    `);
  });

  it("by the weight: a matrix product for each kernel row", () => {
    const { b, x, w } = operands(4, 3);
    const y = b.conv(x, w, null, { pads: [1, 1, 1, 1], group: 3 });
    const ops = nodesFor(gradients(b, y, [w], b.input("dy", "float32", y.shape))).map(({ op }) => op);
    expect(ops.filter((op) => op === "MatMul")).toHaveLength(3);
    expect(ops).not.toContain("Conv");
  });
});
