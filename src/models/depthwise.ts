import {
  blockedDepthwise,
  elements,
  type GraphBuilder,
  hasBlocks,
  type Value,
  type WindowAttributes,
  windowOf,
} from "../onnx/index.js";

/** Products of input and output pixels a channel up to which a dense matrix beats the engine's depthwise convolution. */
const MOST_ELEMENTS = 4096;

/** A depthwise convolution, [N, C, H, W] by [C, 1, kH, kW], as it and its gradients are computed fastest. */
export const depthwiseTraining = (b: GraphBuilder, x: Value, w: Value, window: Partial<WindowAttributes>): Value =>
  hasBlocks(b, x) ? blockedDepthwise(b, x, w, window) : depthwiseProduct(b, b.conv(x, w, null, window));

/**
 * A depthwise convolution of small maps as one matrix product a channel: [N, in] pixels by a matrix [in, out] that holds each tap
 * of the kernel wherever an output pixel reads an input pixel through it. The engine loops over pictures and channels, which takes
 * four to ten times as long for maps of 2x2 to 8x8, and its gradients longer still (bench/RESULTS.md).
 * @param y - the result of a depthwise Conv  @returns the same, or `y` itself where maps are large
 */
export function depthwiseProduct(b: GraphBuilder, y: Value): Value {
  if (y.source.kind !== "node") return y;
  const { inputs, attributes } = y.source.node;
  const [x, w] = inputs as [Value, Value];
  const [n, channels, ...from] = x.shape as [number, number, number, number];
  const to = y.shape.slice(2) as [number, number];
  const kernel = w.shape.slice(2) as [number, number];
  const [pixelsIn, pixelsOut] = [elements(from), elements(to)];
  if (pixelsIn * pixelsOut > MOST_ELEMENTS) return y;

  const { strides, dilations, pads } = windowOf(attributes);
  const taps = new Float32Array(elements(kernel) * pixelsIn * pixelsOut);
  for (let out = 0; out < pixelsOut; out++) {
    const [top, left] = [Math.floor(out / to[1]) * strides[0] - pads[0], (out % to[1]) * strides[1] - pads[1]];
    for (let tap = 0; tap < elements(kernel); tap++) {
      const row = top + Math.floor(tap / kernel[1]) * dilations[0];
      const column = left + (tap % kernel[1]) * dilations[1];
      if (row < 0 || row >= from[0] || column < 0 || column >= from[1]) continue;
      taps[(tap * pixelsIn + row * from[1] + column) * pixelsOut + out] = 1;
    }
  }
  const places = b.constant(taps, "float32", [elements(kernel), pixelsIn * pixelsOut], "taps");
  const matrix = b.reshape(b.matmul(b.reshape(w, [channels, elements(kernel)]), places), [
    channels,
    pixelsIn,
    pixelsOut,
  ]);
  const byChannel = b.transpose(b.reshape(x, [n, channels, pixelsIn]), [1, 0, 2]);
  return b.reshape(b.transpose(b.matmul(byChannel, matrix), [1, 0, 2]), y.shape);
}
