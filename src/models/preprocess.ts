import type { GraphBuilder, Value } from "../onnx/index.js";

/** Size of a network's input: height and width of its pictures, px, and how many go in at a time. */
export interface Size {
  readonly resolution: number;
  readonly batch: number;
}

/** Means and standard deviations of the channels red, green, blue, on the scale 0..1. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** ImageNet's statistics, which all weights but AdvProp's were trained with. */
export const IMAGENET_NORMALIZATION: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** To -1..1, which AdvProp's and TensorFlow's lite weights were trained with. */
export const HALF_NORMALIZATION: Normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/**
 * Pictures as they are decoded to what a network takes: (pixel / 255 - mean) / std, channels first.
 * @param pixels - uint8 [N, H, W, 3]  @returns float32 [N, 3, H, W]
 */
export function normalized(b: GraphBuilder, pixels: Value, normalization: Normalization): Value {
  return standardized(b, planes(b, pixels), normalization);
}

/** Pictures of bytes, uint8 [N, H, W, 3], as float32 [N, 3, H, W] of the same scale, 0..255. */
export const planes = (b: GraphBuilder, pixels: Value): Value =>
  // Bytes are moved before they become floats: a quarter of the traffic.
  b.scope("preprocess", () => b.cast(b.transpose(pixels, [0, 3, 1, 2]), "float32"));

/** (x / 255 - mean) / std of `planes`. */
export function standardized(b: GraphBuilder, x: Value, { mean, std }: Normalization): Value {
  return b.scope("preprocess", () => {
    const channel = (values: readonly number[]): Value =>
      b.constant(Float32Array.from(values), "float32", [1, 3, 1, 1]);
    return b.mul(b.sub(x, channel(mean.map((m) => m * 255))), channel(std.map((s) => 1 / (s * 255))));
  });
}
