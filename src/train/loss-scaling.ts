/*
 * Dynamic loss scaling (Micikevicius et al., arXiv 1710.03740, section 3.2, and PyTorch's GradScaler): gradients are small, and in float16
 * all below 6e-8 is zero. So the loss's cotangent is a large power of two instead of 1, by which the gradients of the float32 parameters
 * are divided again, exactly. Where one of them is beyond float16 the step is skipped and the factor halved; after a while without, it is
 * doubled. The factor is a part of the state.
 */
import type { GraphBuilder, Value } from "../onnx/index.js";

/** The factor of a fresh state. */
export const FIRST_SCALE = 2 ** 16;

/** Steps in a row that can be used, after which the factor is doubled. */
export const GROWTH_STEPS = 2000;

/** Beyond it float32 has no more use for a larger one. */
const LARGEST_SCALE = 2 ** 30;

/** Names in the state: the factor, and how many steps in a row could be used. */
export const SCALE = "scaling/scale";
export const GOOD_STEPS = "scaling/goodSteps";

/** What a fresh state holds of it. */
export const initialScaling = (): Readonly<Record<string, Float32Array>> => ({
  [SCALE]: Float32Array.of(FIRST_SCALE),
  [GOOD_STEPS]: Float32Array.of(0),
});

export interface LossScaling {
  /** The cotangent of the loss, a scalar. */
  readonly scale: Value;
  /** @param grads - by that cotangent, float32 vectors */
  unscaled(grads: readonly Value[]): {
    /** The gradients of the loss itself. */
    readonly grads: Value[];
    /** Whether all of them are finite: a bool. */
    readonly finite: Value;
    /** The state after the step. */
    readonly next: ReadonlyMap<Value, Value>;
  };
}

/** Loss scaling in a step graph. */
export function lossScaling(b: GraphBuilder): LossScaling {
  const scale = b.input(SCALE, "float32", [1]);
  const goodSteps = b.input(GOOD_STEPS, "float32", [1]);
  return {
    scale: b.reshape(scale, []),
    unscaled(scaled) {
      const inverse = b.reciprocal(scale);
      const grads = scaled.map((gradient) => b.mul(gradient, inverse));
      // Infinity and NaN are not below it, nor is a sum with one of them.
      const finite = b.greater(b.scalar(3e38), absoluteSum(b, grads));
      const good = b.add(goodSteps, b.scalar(1));
      const isLong = b.greater(good, b.scalar(GROWTH_STEPS - 0.5));
      const larger = b.op("Min", [b.scale(scale, 2), b.scalar(LARGEST_SCALE)])[0]!;
      const next = new Map([
        [scale, b.where(finite, b.where(isLong, larger, scale), b.scale(scale, 0.5))],
        [goodSteps, b.where(finite, b.where(isLong, b.scalar(0), good), b.scalar(0))],
      ]);
      return { grads, finite, next };
    },
  };
}

const absoluteSum = (b: GraphBuilder, vectors: readonly Value[]): Value =>
  vectors.map((v) => b.reduceSum(b.op("Abs", [v])[0]!, { axes: [0] })).reduce((sum, one) => b.add(sum, one));
