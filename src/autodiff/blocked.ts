import {
  BLOCK_OPERATORS,
  blockedConv,
  elements,
  filterFromBlocks,
  filterToBlocks,
  fromBlocks,
  type GraphBuilder,
  spacedBlocks,
  toBlocks,
  type Value,
  type WindowAttributes,
  windowOf,
} from "../onnx/index.js";
import { transposedConvolution } from "./convolution.js";
import { flipped } from "./depthwise.js";
import { parts, type Rule } from "./rule.js";

const AXES = [0, 1] as const;

/**
 * dx as the convolution of dy, with zeros between its elements where there are strides, with the flipped kernel; as ConvTranspose in
 * the plain layout where that would have to cut instead of pad.
 */
function inputGradient(b: GraphBuilder, x: Value, filter: Value, dy: Value, conv: WindowAttributes): Value {
  const { strides, pads, group } = conv;
  const w = filterFromBlocks(b, filter);
  const before = AXES.map((axis) => w.shape[2 + axis]! - 1 - pads[axis]);
  const behind = AXES.map((axis) => x.shape[2 + axis]! - dy.shape[2 + axis]! * strides[axis] + pads[axis]);
  const around = [...before, ...behind] as [number, number, number, number];
  if (around.some((n) => n < 0)) return toBlocks(b, transposedConvolution(b, x.shape, w, fromBlocks(b, dy), conv));
  return blockedConv(b, spacedBlocks(b, dy, strides), filterToBlocks(b, flipped(b, w)), { pads: around, group });
}

/**
 * dw as a convolution too: each channel of each picture of x by its dy, which is as large a kernel as there are results, strides and
 * dilations exchanged. Every picture gives a weight; they are added up.
 */
function filterGradient(b: GraphBuilder, x: Value, filter: Value, dy: Value, conv: WindowAttributes): Value {
  const { strides, dilations, pads } = conv;
  const [n, channels, ...kernel] = [x.shape[0]!, ...[0, 2, 3].map((axis) => filter.shape[axis]!)] as const;
  const [, , ...from] = x.shape as [number, number, number, number];
  const [, , ...to] = dy.shape as [number, number, number, number];
  // Padding behind that no window reaches; what of x none reaches gives surplus rows, which belong to no weight.
  const behind = AXES.map((axis) => {
    const reach = (to[axis]! - 1) * strides[axis] + (kernel[axis]! - 1) * dilations[axis] + 1;
    return Math.max(reach - from[axis]! - pads[axis], 0);
  });
  const all = n * channels!;
  const found = blockedConv(b, b.reshape(x, [1, all, ...from]), b.reshape(dy, [all, 1, ...to]), {
    strides: dilations,
    dilations: strides,
    pads: [pads[0], pads[1], behind[0]!, behind[1]!],
    group: all,
  });
  const cut = toBlocks(b, b.slice(fromBlocks(b, found), { axes: [2, 3], starts: [0, 0], ends: kernel as number[] }));
  const each = b.reshape(cut, [n, elements(filter.shape)]);
  return b.reshape(b.reduceSum(each, { axes: [0] }), filter.shape);
}

/** Rules of the operators of the engine's own layout; of its convolutions, of the depthwise ones. */
export const BLOCKED_RULES: Readonly<Record<string, Rule>> = {
  [BLOCK_OPERATORS.to]: (b, node, dys) => [fromBlocks(b, parts(node, dys).dy)],
  [BLOCK_OPERATORS.from]: (b, node, dys) => [toBlocks(b, parts(node, dys).dy)],
  [BLOCK_OPERATORS.conv]: (b, node, dys, wanted) => {
    const { x, w, dy } = parts(node, dys);
    const conv = windowOf(node.attributes);
    return [wanted[0] ? inputGradient(b, x, w, dy, conv) : null, wanted[1] ? filterGradient(b, x, w, dy, conv) : null];
  },
};
