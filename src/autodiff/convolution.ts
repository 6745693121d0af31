/*
 * The two adjoints of y = x * w, written once. Along one axis, with stride s, dilation d and leading pad p,
 *   y[o]  = Σ_k x[o s + k d - p] w[k]
 *   dx[i] = Σ_{o, k: o s + k d - p = i} dy[o] w[k]     (inputGradient)
 *   dw[k] = Σ_o dy[o] x[o s + k d - p]                 (kernelGradient)
 * Both have a general form and faster ones for what EfficientNet is made of: 1x1 and depthwise convolutions.
 */
import { UnsupportedOperatorError } from "../errors.js";
import {
  elements,
  type GraphBuilder,
  type Shape,
  showShape,
  type Value,
  type WindowAttributes,
  windowOf,
} from "../onnx/index.js";
import { depthwiseInputGradient, depthwiseKernelGradient } from "./depthwise.js";
import { parts, type Rule } from "./rule.js";

/** dx, dw and db of Conv-11. */
export const convolutionGradient: Rule = (b, node, dys, wanted) => {
  const { x, w, dy } = parts(node, dys);
  const conv = windowOf(node.attributes);
  return [
    wanted[0] ? inputGradient(b, x, w, dy, conv) : null,
    wanted[1] ? kernelGradient(b, x, w, dy, conv) : null,
    wanted[2] ? b.reduceSum(dy, { axes: [0, 2, 3] }) : null,
  ];
};

const all = (values: readonly number[], n: number): boolean => values.every((value) => value === n);

/** A product of matrices in disguise: each pixel by itself. */
const isPointwise = (w: Value, { strides, pads, group }: WindowAttributes): boolean =>
  group === 1 && all(w.shape.slice(2), 1) && all(strides, 1) && all(pads, 0);

/** One filter a channel. */
const isDepthwise = (x: Value, w: Value, { group, dilations }: WindowAttributes): boolean =>
  group === x.shape[1] && group === w.shape[0] && all(dilations, 1);

/** [N, C, H, W] with a pixel an element of the last axis: [N, C, H W]. */
const pixels = (b: GraphBuilder, x: Value): Value =>
  b.reshape(x, [x.shape[0]!, x.shape[1]!, x.shape[2]! * x.shape[3]!]);

function inputGradient(b: GraphBuilder, x: Value, w: Value, dy: Value, conv: WindowAttributes): Value {
  if (isPointwise(w, conv)) {
    const matrix = b.reshape(w, [w.shape[0]!, w.shape[1]!]);
    return b.reshape(b.matmul(b.transpose(matrix, [1, 0]), pixels(b, dy)), x.shape);
  }
  if (isDepthwise(x, w, conv)) {
    const dx = depthwiseInputGradient(b, w, dy, conv);
    if (dx !== null) return dx;
  }
  return transposedConvolution(b, x.shape, w, dy, conv);
}

/** dx in its general form, of the shape of x. */
export function transposedConvolution(b: GraphBuilder, x: Shape, w: Value, dy: Value, conv: WindowAttributes): Value {
  // Rows of x that no window reached get zero gradient; ConvTranspose makes them only if asked.
  const output_padding = ([0, 1] as const).map((axis) => {
    const reach = (dy.shape[2 + axis]! - 1) * conv.strides[axis] + (w.shape[2 + axis]! - 1) * conv.dilations[axis] + 1;
    return x[2 + axis]! - reach + conv.pads[axis] + conv.pads[axis + 2]!;
  });
  return b.convTranspose(dy, w, { ...conv, output_padding });
}

/** [N, C, H, W] with a channel a row: [C, N H W]. */
const channels = (b: GraphBuilder, x: Value): Value => {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  return b.reshape(b.transpose(b.reshape(x, [n, c, h * w]), [1, 0, 2]), [c, n * h * w]);
};

/**
 * Σ y xᵀ over pictures and pixels, [N, O, H, W] and [N, C, H, W] to [O, C]: one product a picture and their sum, or, where those N
 * products would hold more than y and x do, one product of all pictures with a channel a row.
 */
export function pixelProducts(b: GraphBuilder, y: Value, x: Value): Value {
  const [outputs, inputs, area] = [y.shape[1]!, x.shape[1]!, x.shape[2]! * x.shape[3]!];
  if (outputs * inputs > area * (outputs + inputs)) {
    return b.matmul(channels(b, y), b.transpose(channels(b, x), [1, 0]));
  }
  return b.reduceSum(b.matmul(pixels(b, y), b.transpose(pixels(b, x), [0, 2, 1])), { axes: [0] });
}

/**
 * Elements of x that a result reads, C kH kW, up to which dw is the product of dy and patches of x: all of x a few times over. The
 * general form has a kernel as large as dy and moves batch and channels.
 */
const MOST_PATCH_ELEMENTS = 32;

/** The elements that each result reads, [N, C kH kW, H', W'], taken by a convolution with kernels that each hold a single 1. */
function patches(b: GraphBuilder, x: Value, w: Value, conv: WindowAttributes): Value {
  const count = elements(w.shape.slice(1));
  const ones = Float32Array.from({ length: count * count }, (_, i) => Number(i % (count + 1) === 0));
  const taps = b.constant(ones, "float32", [count, ...w.shape.slice(1)], "taps");
  return b.conv(x, b.cast(taps, x.type), null, conv);
}

function kernelGradient(b: GraphBuilder, x: Value, w: Value, dy: Value, conv: WindowAttributes): Value {
  if (isPointwise(w, conv)) return b.reshape(pixelProducts(b, dy, x), w.shape);
  if (isDepthwise(x, w, conv)) return depthwiseKernelGradient(b, x, w, dy, conv);
  if (conv.group !== 1) {
    throw new UnsupportedOperatorError(
      `Conv of ${x.shape[1]} channels in ${conv.group} groups with a weight of ${showShape(w.shape)} has no gradient by it; group must be 1, or the number of channels with one undilated filter each. Freeze it.`,
    );
  }
  if (elements(w.shape.slice(1)) <= MOST_PATCH_ELEMENTS) {
    return b.reshape(pixelProducts(b, dy, patches(b, x, w, conv)), w.shape);
  }
  // x * dy with batch and channels exchanged; hence strides and dilations change places too.
  const swap = (value: Value): Value => b.transpose(value, [1, 0, 2, 3]);
  const { strides, dilations, pads } = conv;
  const full = b.conv(swap(x), swap(dy), null, { strides: dilations, dilations: strides, pads });
  // Unread rows make the result longer than the kernel; the surplus belongs to no weight.
  return swap(b.slice(full, { axes: [2, 3], starts: [0, 0], ends: w.shape.slice(2) }));
}
