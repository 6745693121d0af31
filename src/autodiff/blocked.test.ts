import { describe, expect, it } from "vitest";
import { blockedDepthwise, GraphBuilder, nodesFor } from "../onnx/index.js";
import { channelBlock } from "../runtime/index.js";
import { BLOCKED_RULES } from "./blocked.js";
import { type Case, checkAdjoint, checkRules } from "./check.testing.js";
import { gradients } from "./gradients.js";
import * as reference from "./references.testing.js";

// Data in blocks mean what they should only at the engine's own block.
const block = await channelBlock();
const C = block ?? 16;

type Pads = readonly [number, number, number, number];

function depthwise(kernel: number, stride: number, size: readonly [number, number], pads: Pads, batch = 1): Case {
  const [x, w] = [[batch, C, ...size] as const, [C, 1, kernel, kernel] as const];
  const window = { strides: [stride, stride], pads, group: C } as const;
  return {
    name: `${kernel}x${kernel}, stride ${stride}, [${size}], pads [${pads}], batch ${batch}`,
    operands: [{ shape: x }, { shape: w }],
    build: (b, [v, k]) => blockedDepthwise(b, v!, k!, window),
    reference: ([v, k]) => reference.conv(v!, k!, undefined, { x, w, dilations: [1, 1], ...window }),
    block: C,
  };
}

describe.skipIf(block === null)("the rules of blocks of channels, against central differences", () => {
  checkRules(BLOCKED_RULES, [
    depthwise(3, 1, [3, 4], [1, 1, 1, 1], 2),
    depthwise(5, 1, [2, 2], [2, 2, 2, 2]),
    depthwise(3, 1, [4, 4], [0, 0, 0, 0]),
    depthwise(3, 1, [2, 2], [3, 0, 1, 4]),
    depthwise(3, 2, [4, 4], [1, 1, 1, 1], 2),
    depthwise(3, 2, [4, 4], [0, 0, 1, 1]),
    depthwise(5, 2, [5, 3], [2, 2, 2, 2]),
    depthwise(5, 2, [4, 4], [1, 1, 2, 2]),
    depthwise(3, 2, [6, 4], [0, 0, 0, 0]),
    depthwise(3, 3, [5, 5], [1, 1, 0, 0]),
    depthwise(3, 1, [1, 1], [1, 1, 1, 1]),
  ]);
});

describe.skipIf(block === null)("the adjoint of depthwise convolutions in blocks, on larger tensors", () => {
  it.each([
    ["3x3", [2, 2 * C, 29, 28], [2 * C, 1, 3, 3], { pads: [1, 1, 1, 1], group: 2 * C }],
    ["3x3, stride 2", [2, 2 * C, 28, 28], [2 * C, 1, 3, 3], { strides: [2, 2], pads: [0, 0, 1, 1], group: 2 * C }],
    ["5x5, stride 2", [3, C, 15, 14], [C, 1, 5, 5], { strides: [2, 2], pads: [2, 1, 2, 2], group: C }],
  ] as const)("%s, by the input and by the weight", async (_, x, w, window) => {
    await checkAdjoint([x, w], (b, [v, k]) => blockedDepthwise(b, v!, k!, window), C);
    await checkAdjoint([w, x], (b, [k, v]) => blockedDepthwise(b, v!, k!, window), C);
  });
});

it("does not go out of blocks and back between two convolutions", () => {
  const b = new GraphBuilder([], C);
  const x = b.input("x", "float32", [1, C, 6, 6]);
  const w = b.input("w", "float32", [C, 1, 3, 3]);
  const window = { pads: [1, 1, 1, 1], group: C } as const;
  const y = blockedDepthwise(b, blockedDepthwise(b, x, w, window), w, window);
  const ops = nodesFor([y, ...gradients(b, y, [x, w], b.input("dy", "float32", y.shape))]).map(({ op }) => op);
  const count = (op: string): number => ops.filter((name) => name.endsWith(op)).length;
  // In: x, w, the flipped w, dy. Out: y, dx, dw.
  expect([count("ReorderInput"), count("ReorderOutput")]).toEqual([4, 3]);
});
