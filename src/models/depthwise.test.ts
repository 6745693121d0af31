import { describe, expect, it } from "vitest";
import { noise, run, worst } from "../engine.testing.js";
import { GraphBuilder, nodesFor, type Value } from "../onnx/index.js";
import { depthwiseProduct } from "./depthwise.js";

type Pads = readonly [number, number, number, number];

function both(batch: number, size: readonly [number, number], kernel: number, stride: number, pads: Pads) {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [batch, 3, ...size]);
  const w = b.parameter("w", [3, 1, kernel, kernel]);
  const conv = b.conv(x, w, null, { strides: [stride, stride], pads, group: 3 });
  return { inputs: [x], conv, product: depthwiseProduct(b, conv) };
}

describe("depthwiseProduct", () => {
  it.each([
    ["2x2, 5x5 kernel", 3, [2, 2], 5, 1, [2, 2, 2, 2]],
    ["1x1", 2, [1, 1], 3, 1, [1, 1, 1, 1]],
    ["8x8, the largest square", 1, [8, 8], 5, 1, [2, 2, 2, 2]],
    ["a rectangle", 2, [5, 7], 3, 1, [1, 1, 1, 1]],
    ["stride 2, even", 2, [8, 8], 5, 2, [2, 2, 2, 2]],
    ["stride 2, odd, padded as TensorFlow does", 2, [7, 9], 3, 2, [1, 1, 1, 1]],
    ["stride 2, uneven pads", 2, [6, 6], 5, 2, [1, 1, 2, 2]],
    ["no pads, rows that nothing reads", 1, [8, 8], 3, 2, [0, 0, 0, 0]],
  ] as const)("is the convolution: %s", async (_, batch, size, kernel, stride, pads) => {
    const { inputs, conv, product } = both(batch, size, kernel, stride, pads);
    expect(nodesFor([product]).map(({ op }) => op)).not.toContain("Conv");
    const feeds = { x: noise("x", inputs[0]!.shape) };
    const parameter = ({ name, shape }: Value): Float32Array => noise(name, shape);
    const found = await run({ name: "both", inputs, outputs: { conv, product } }, parameter, feeds);
    expect(worst(found.product!, found.conv!)).toBeLessThan(1e-5);
  });

  it("leaves large maps to the engine", () => {
    const { conv, product } = both(1, [9, 8], 3, 1, [1, 1, 1, 1]);
    expect(product).toBe(conv);
  });
});
