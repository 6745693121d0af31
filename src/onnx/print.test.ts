import { expect, it } from "vitest";
import { GraphBuilder, printGraph } from "./index.js";

it("prints a node a line, with small constants, attributes, absent operands and all outputs", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [1, 3, 9, 9]);
  const y = b.scope("stem", () => b.conv(x, b.parameter("w", [4, 3, 3, 3]), null, { strides: [2, 2] }));
  const scaled = b.mul(y, b.constant(new Float32Array(16), "float32", [4, 4], "mask"));
  const padded = b.op("Pad", [b.scale(scaled, 0.5), b.ints([1, 1]), null, b.ints([2])])[0]!;
  const graph = { name: "g", inputs: [x], outputs: { padded, x, one: b.scalar(1), again: padded } };
  expect(printGraph(graph)).toMatchInlineSnapshot(`
    "%0 = Conv(x, w) {kernel_shape: [3,3], strides: [2,2], dilations: [1,1], pads: [0,0,0,0], group: 1} [1, 4, 4, 4]
    %1 = Mul(%0, float32[4, 4]) [1, 4, 4, 4]
    %2 = Mul(%1, 0.5) [1, 4, 4, 4]
    %3 = Pad(%2, [1, 1], none, [2]) [1, 4, 6, 4]
    padded = %3
    x = x
    one = 1
    again = %3"
  `);
});
