import { gradients, type Segment } from "../../autodiff/index.js";
import type { GraphBuilder, Value } from "../../onnx/index.js";

/** How adversarial pictures are made; all lengths on the scale of pixels, 0..255. */
export interface Attack {
  /** ε, how far a pixel's channel may move. */
  readonly epsilon: number;
  /** n, gradients that are followed; with 0 pictures are moved at random alone. */
  readonly steps: number;
  /** α, how far each of them moves it. */
  readonly stepSize: number;
}

/**
 * The steps that the paper has for an ε (arXiv 1911.09665, section 5.1): ε + 1, but 1 for ε = 1. Its step size is 1.
 * @param epsilon - on the scale 0..255
 */
export const usualSteps = (epsilon: number): number => (epsilon <= 1 ? Math.ceil(epsilon) : Math.ceil(epsilon) + 1);

/**
 * Projected gradient descent on the pictures under the maximum norm (Madry et al., arXiv 1706.06083): from a random point of the box
 * |x' - x| ≤ ε, n times x' = clip(x' + α sign(∂ℓ/∂x')), where clip keeps x' within the box and within 0..255. No gradient passes through
 * it to the network's parameters.
 * @param x - pictures, float32 [N, 3, H, W], 0..255
 * @param start - where to begin, uint8 [N, 3, H, W], uniform in 0..255, which stands for -ε..ε
 * @param loss - ℓ of pictures: a scalar, the sum or mean of each picture's own, and what of it is computed again for its gradient
 * @returns pictures of the shape of `x`
 */
export function attacked(
  b: GraphBuilder,
  x: Value,
  start: Value,
  { epsilon, steps, stepSize }: Attack,
  loss: (pictures: Value) => { readonly value: Value; readonly recomputed: readonly Segment[] },
): Value {
  const bound = (op: "Min" | "Max", v: Value, w: Value): Value => b.op(op, [v, w])[0]!;
  const [least, most] = [
    bound("Max", b.sub(x, b.scalar(epsilon)), b.scalar(0)),
    bound("Min", b.add(x, b.scalar(epsilon)), b.scalar(255)),
  ];
  const within = (v: Value): Value => bound("Min", bound("Max", v, least), most);
  const offset = b.scale(b.sub(b.cast(start, "float32"), b.scalar(127.5)), epsilon / 127.5);
  let moved = within(b.add(x, offset));
  for (let i = 0; i < steps; i++) {
    const { value, recomputed } = loss(moved);
    const [gradient] = gradients(b, value, [moved], undefined, recomputed);
    moved = within(b.add(moved, b.scale(b.op("Sign", [gradient!])[0]!, stepSize)));
  }
  return moved;
}
