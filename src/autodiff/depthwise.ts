import type { GraphBuilder, Value, WindowAttributes } from "../onnx/index.js";

/** Runs both kernel axes backwards; `axes` are the two. */
const flip = (b: GraphBuilder, w: Value, axes: readonly [number, number]): Value =>
  b.slice(w, { axes, starts: [-1, -1], ends: [-(2 ** 31), -(2 ** 31)], steps: [-1, -1] });

/**
 * dx of a depthwise convolution as a depthwise convolution of dy, which ONNX Runtime does faster than ConvTranspose.
 * At stride s the row i + p = q s + r of dx takes only the taps k = m s + r: dx[q s + r] = Σ_m dy[q - m] w[m s + r]. So each
 * channel gets s² outputs, one for each (r, r'), with kernels of ceil(K / s) taps, and DepthToSpace interleaves them; no zeros
 * are inserted. At s = 1 this is the convolution with the flipped kernel.
 * @returns null where the geometry has no such form (strides that differ, or padding beyond the kernel)
 */
export function depthwiseInputGradient(
  b: GraphBuilder,
  x: Value,
  w: Value,
  dy: Value,
  conv: WindowAttributes,
): Value | null {
  const { strides, pads } = conv;
  const s = strides[0];
  const [channels, , ...kernel] = w.shape as [number, number, number, number];
  if (strides[1] !== s) return null;
  const taps = kernel.map((k) => Math.ceil(k / s));
  // Rows of the padded input, in groups of s.
  const groups = [0, 1].map((axis) => Math.ceil((x.shape[2 + axis]! + pads[axis]! + pads[axis + 2]!) / s));
  const before = taps.map((m) => m - 1);
  const after = groups.map((q, axis) => q - dy.shape[2 + axis]!);
  if (s === 1) {
    const flipped = flip(b, w, [2, 3]);
    const around = [before[0]! - pads[0], before[1]! - pads[1], before[0]! - pads[2], before[1]! - pads[3]] as const;
    return around.some((n) => n < 0) ? null : b.conv(dy, flipped, null, { pads: around, group: channels });
  }
  const [mh, mw] = taps as [number, number];
  const whole = b.pad(w, [0, 0, 0, 0, 0, 0, mh * s - kernel[0], mw * s - kernel[1]]);
  const byPhase = b.transpose(b.reshape(whole, [channels, mh, s, mw, s]), [0, 2, 4, 1, 3]);
  const phases = b.reshape(flip(b, byPhase, [3, 4]), [channels * s * s, 1, mh, mw]);
  const interleaved = b.depthToSpace(
    b.conv(dy, phases, null, { pads: [before[0]!, before[1]!, after[0]!, after[1]!], group: channels }),
    s,
  );
  const [top, left] = pads;
  return b.slice(interleaved, { axes: [2, 3], starts: [top, left], ends: [top + x.shape[2]!, left + x.shape[3]!] });
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
