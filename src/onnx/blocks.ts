/*
 * ONNX Runtime's own layout for its CPU, NCHWc, in which depthwise convolutions are several times as fast (bench/RESULTS.md). The engine
 * brings convolutions with constant weights to it by itself; in a training step weights are inputs, so the graph does it. A value keeps
 * its shape [N, C, H, W], but its data lie as [N, C / B, H, W, B]: what works on each element by itself works on it as it is, and
 * pictures and channels may be taken for one axis.
 */
import type { GraphBuilder } from "./builder.js";
import type { Value } from "./graph.js";
import { type WindowAttributes, windowOf } from "./operators/linear.js";

/** Names of the operators, for rules about them. */
export const BLOCK_OPERATORS = {
  to: "com.microsoft.nchwc.ReorderInput",
  from: "com.microsoft.nchwc.ReorderOutput",
  conv: "com.microsoft.nchwc.Conv",
} as const;

/** True where the engine has a layout for so many channels, and the graph is written for it. */
export const hasBlocks = ({ block }: GraphBuilder, { type, shape }: Value): boolean =>
  block !== null && type === "float32" && shape[1]! % block === 0;

const undone = ({ source }: Value, op: string): Value | null =>
  source.kind === "node" && source.node.op === op ? source.node.inputs[0]! : null;

/** [N, C, H, W] to blocks of channels. */
export const toBlocks = (b: GraphBuilder, x: Value): Value =>
  undone(x, BLOCK_OPERATORS.from) ?? b.op(BLOCK_OPERATORS.to, [x])[0]!;

/** Back from blocks of channels. */
export const fromBlocks = (b: GraphBuilder, x: Value): Value =>
  undone(x, BLOCK_OPERATORS.to) ?? b.op(BLOCK_OPERATORS.from, [x], { channels: x.shape[1]! })[0]!;

/** A depthwise weight [C, 1, kH, kW] to blocks of channels: one picture of C channels. */
export const filterToBlocks = (b: GraphBuilder, w: Value): Value =>
  b.reshape(toBlocks(b, b.reshape(w, [1, w.shape[0]!, w.shape[2]!, w.shape[3]!])), w.shape);

/** Back from blocks of channels. */
export const filterFromBlocks = (b: GraphBuilder, w: Value): Value => {
  const picture = undone(w, "Reshape") ?? b.reshape(w, [1, w.shape[0]!, w.shape[2]!, w.shape[3]!]);
  return b.reshape(fromBlocks(b, picture), w.shape);
};

/** Convolution of blocks by blocks, to blocks. */
export const blockedConv = (b: GraphBuilder, x: Value, w: Value, window: Partial<WindowAttributes>): Value =>
  b.op(BLOCK_OPERATORS.conv, [x, w], {
    kernel_shape: w.shape.slice(2),
    ...windowOf(window as Record<string, readonly number[]>),
  })[0]!;

/** A depthwise convolution through the layout: [N, C, H, W] by [C, 1, kH, kW]. */
export const blockedDepthwise = (b: GraphBuilder, x: Value, w: Value, window: Partial<WindowAttributes>): Value =>
  fromBlocks(b, blockedConv(b, toBlocks(b, x), filterToBlocks(b, w), window));

/** Puts `stride` - 1 zeros behind every row and column of blocks: [N, C, H, W] to [N, C, H stride, W stride]. */
export function spacedBlocks(b: GraphBuilder, x: Value, [down, right]: readonly [number, number]): Value {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const block = b.block!;
  const rows = b.reshape(x, [(n * c * h) / block, 1, w, block]);
  return b.reshape(b.pad(rows, [0, 0, 0, 0, 0, down - 1, 0, (right - 1) * block]), [n, c, h * down, w * right]);
}
