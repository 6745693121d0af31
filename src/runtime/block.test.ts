import { expect, it } from "vitest";
import { noise, worst } from "../engine.testing.js";
import { blockedDepthwise, GraphBuilder } from "../onnx/index.js";
import { channelBlock, openSession, packed } from "./index.js";

it("finds a block in which the engine's depthwise convolution is that of ONNX", async (context) => {
  const block = await channelBlock();
  // Builds for other processors may have none.
  if (process.arch === "x64") expect(block).not.toBeNull();
  if (block === null) return context.skip("this engine has no layout of its own");
  const b = new GraphBuilder([], block);
  const x = b.input("x", "float32", [2, 3 * block, 7, 9]);
  const w = b.input("w", "float32", [3 * block, 1, 5, 5]);
  const window = { strides: [2, 2], pads: [2, 2, 2, 2], group: 3 * block } as const;
  const outputs = { plain: b.conv(x, w, null, window), blocked: blockedDepthwise(b, x, w, window) };
  const program = packed({ name: "both", inputs: [x, w], outputs }, () => new Float32Array(0));
  const session = await openSession(program, { where: "here", threads: 1 });
  const { plain, blocked } = await session.run({ x: noise("x", x.shape), w: noise("w", w.shape) });
  await session.dispose();
  expect(worst(plain!, blocked!)).toBeLessThan(1e-4);
  // Once a process: the same again, without another session.
  expect(await channelBlock()).toBe(block);
});
