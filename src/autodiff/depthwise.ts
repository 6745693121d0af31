import type { GraphBuilder, Value, WindowAttributes } from "../onnx/index.js";

/** Runs both kernel axes backwards. */
export const flipped = (b: GraphBuilder, w: Value): Value =>
  b.slice(w, { axes: [2, 3], starts: [-1, -1], ends: [-(2 ** 31), -(2 ** 31)], steps: [-1, -1] });

/**
 * dx of a depthwise convolution without strides as one of dy with the flipped kernel, which the engine does faster than
 * ConvTranspose. With strides its ConvTranspose is the faster (bench/RESULTS.md).
 * @returns null where there is no such form
 */
export function depthwiseInputGradient(b: GraphBuilder, w: Value, dy: Value, conv: WindowAttributes): Value | null {
  const [channels, , ...kernel] = w.shape as [number, number, number, number];
  const around = [0, 1, 0, 1].map((axis, i) => kernel[axis]! - 1 - conv.pads[i]!);
  if (conv.strides.some((stride) => stride !== 1) || around.some((n) => n < 0)) return null;
  return b.conv(dy, flipped(b, w), null, { pads: around as [number, number, number, number], group: channels });
}

/**
 * dw of a depthwise convolution as matrix products. With rows as matrices, a channel at a time, X_i of the padded x
 * shifted by kernel row i (N H' rows of length L) and dY (N H' rows of length W'), M_i = dYᵀ X_i holds the sum over all
 * rows of dy[·, w] x[·, u], and dw[i, j] is the sum of its entries (w, w s + j): a diagonal. Appending s columns to
 * M's flattened rows turns that diagonal into a column, which Slice and ReduceSum take.
 */
export function depthwiseKernelGradient(
  b: GraphBuilder,
  x: Value,
  w: Value,
  dy: Value,
  { strides, pads }: WindowAttributes,
): Value {
  const [channels, , kh, kw] = w.shape as [number, number, number, number];
  const [, , rows, columns] = dy.shape as [number, number, number, number];
  const byChannel = (value: Value): Value => {
    const v = b.transpose(value, [1, 0, 2, 3]);
    return b.reshape(v, [channels, v.shape[1]! * v.shape[2]!, v.shape[3]!]);
  };
  const padded = b.pad(x, [0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]]);
  const length = padded.shape[3]!;
  const left = b.transpose(byChannel(dy), [0, 2, 1]);
  const kernelRows = Array.from({ length: kh }, (_, i) => {
    const ends = i + (rows - 1) * strides[0] + 1;
    const shifted = b.slice(padded, { axes: [2], starts: [i], ends: [ends], steps: [strides[0]] });
    const products = b.reshape(b.matmul(left, byChannel(shifted)), [channels, columns * length]);
    const skewed = b.reshape(b.pad(products, [0, 0, 0, columns * strides[1]]), [
      channels,
      columns,
      length + strides[1],
    ]);
    return b.reduceSum(b.slice(skewed, { axes: [2], starts: [0], ends: [kw] }), { axes: [1], keepdims: true });
  });
  return b.reshape(b.concat(kernelRows, 1), w.shape);
}
