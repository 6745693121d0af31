/*
 * BatchNorm by the batch's own statistics (Ioffe and Szegedy, arXiv 1502.03167), besides ONNX's operator for it:
 *   y = (z - mean(z)) weight / sqrt(var(z) + epsilon) + bias, a value of each a channel, the variance the biased one.
 */
import { pixelProducts } from "../autodiff/index.js";
import { elements, type GraphBuilder, type Value, windowOf } from "../onnx/index.js";

/** What is normalised, and the statistics that it was normalised by: [C]. */
export interface Normalized {
  readonly y: Value;
  readonly mean: Value;
  readonly variance: Value;
}

export interface Affine {
  /** [C] */
  readonly weight: Value;
  /** [C] */
  readonly bias: Value;
  readonly epsilon: number;
}

/** In operators that every provider has; CUDA's kernel refuses training mode (microsoft/onnxruntime#16867). */
export function primitiveBatchNorm(b: GraphBuilder, z: Value, { weight, bias, epsilon }: Affine): Normalized {
  const channels = z.shape[1]!;
  const axes = [0, 2, 3];
  const channel = (v: Value): Value => b.reshape(v, [1, channels, 1, 1]);
  const mean = b.reduceMean(z, { axes, keepdims: true });
  const centred = b.sub(z, mean);
  const variance = b.reduceMean(b.mul(centred, centred), { axes, keepdims: true });
  const factor = b.div(channel(weight), b.sqrt(b.add(variance, b.scalar(epsilon))));
  return {
    y: b.add(b.mul(centred, factor), channel(bias)),
    mean: b.reshape(mean, [channels]),
    variance: b.reshape(variance, [channels]),
  };
}

/**
 * BatchNorm of z = w * x, a 1x1 convolution that widens, without a pass over z: its statistics follow from those of x. With m the
 * mean of x over pictures and pixels and K = Σ (x - m)(x - m)ᵀ / M its covariance, mean(z) = w m and var(z) = diag(w K wᵀ). So the
 * factor goes into the weight, and y = (factor w) * (x - m) + bias is the convolution alone. Its gradient passes through m, K
 * and w, all of which are small, where the usual one takes a dozen passes over z and its cotangent.
 * @param w - [O, C, 1, 1]
 * @param frozen - whether neither w nor what x depends on has a gradient. Then weight and bias follow the convolution: two passes
 * more, but their gradients are sums over the result, where the gradient of a factor inside w is a product of all of x and dy.
 */
export function pointwiseBatchNorm(
  b: GraphBuilder,
  x: Value,
  w: Value,
  { weight, bias, epsilon }: Affine,
  { frozen = false } = {},
): Normalized {
  const [outputs, inputs] = w.shape as [number, number];
  const mean = b.reduceMean(x, { axes: [0, 2, 3], keepdims: true });
  const centred = b.sub(x, mean);
  const covariance = b.scale(pixelProducts(b, centred, centred), inputs / elements(x.shape));
  const matrix = b.reshape(w, [outputs, inputs]);
  // Rounding can leave the variance of a constant a hair below zero.
  const variance = b.relu(b.reduceSum(b.mul(b.matmul(matrix, covariance), matrix), { axes: [1] }));
  const deviation = b.sqrt(b.add(variance, b.scalar(epsilon)));
  const scaled = (factor: Value): Value => b.reshape(b.mul(matrix, b.reshape(factor, [outputs, 1])), w.shape);
  const channel = (v: Value): Value => b.reshape(v, [1, outputs, 1, 1]);
  return {
    y: frozen
      ? b.add(b.mul(b.conv(centred, scaled(b.div(b.scalar(1), deviation)), null), channel(weight)), channel(bias))
      : b.conv(centred, scaled(b.div(weight, deviation)), bias),
    mean: b.reshape(b.matmul(matrix, b.reshape(mean, [inputs, 1])), [outputs]),
    variance,
  };
}

/**
 * BatchNorm by given statistics of z = w * x, a convolution without bias, as a convolution alone: with f = weight / sqrt(variance + epsilon)
 * it is (f w) * x + (bias - mean f). For networks that are differentiated by their input: no pass over z is left, forward or back.
 * @returns null where z is not the result of a convolution
 */
export function foldedBatchNorm(
  b: GraphBuilder,
  z: Value,
  { weight, bias, epsilon }: Affine,
  { mean, variance }: Pick<Normalized, "mean" | "variance">,
): Value | null {
  if (z.source.kind !== "node" || z.source.node.op !== "Conv") return null;
  const { inputs, attributes } = z.source.node;
  const [x, w] = inputs as [Value, Value];
  const factor = b.div(weight, b.sqrt(b.add(variance, b.scalar(epsilon))));
  const outputs = w.shape[0]!;
  const matrix = b.reshape(w, [outputs, elements(w.shape) / outputs]);
  const scaled = b.reshape(b.mul(matrix, b.reshape(factor, [outputs, 1])), w.shape);
  return b.conv(x, scaled, b.sub(bias, b.mul(mean, factor)), windowOf(attributes));
}
