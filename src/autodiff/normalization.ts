import { UnsupportedOperatorError } from "../errors.js";
import { elements, type GraphBuilder, type Node, type Shape, type Value } from "../onnx/index.js";
import type { Rule } from "./rule.js";

/** A value a channel, [C], as a factor of activations: [1, C, 1, 1]. */
const perChannel = (b: GraphBuilder, v: Value, x: Shape): Value =>
  b.reshape(
    v,
    x.map((n, axis) => (axis === 1 ? n : 1)),
  );

const otherAxes = (x: Shape): number[] => [...x.keys()].filter((axis) => axis !== 1);

/** 1 / sqrt(variance + epsilon), [C]. */
const inverseDeviation = (b: GraphBuilder, node: Node, variance: Value): Value =>
  b.reciprocal(b.sqrt(b.add(variance, b.scalar(Number(node.attributes.epsilon ?? 1e-5)))));

/** Fixed statistics: y = (x - mean) r scale + shift, hence dx = dy r scale, dscale = Σ dy (x - mean) r, dshift = Σ dy. */
function inference(b: GraphBuilder, node: Node, dy: Value, wanted: readonly boolean[]): (Value | null)[] {
  const [x, scale, , mean, variance] = node.inputs as [Value, Value, Value, Value, Value];
  const r = inverseDeviation(b, node, variance);
  const axes = otherAxes(x.shape);
  const centred = (): Value => b.sub(x, perChannel(b, mean, x.shape));
  return [
    wanted[0] ? b.mul(dy, perChannel(b, b.mul(r, scale), x.shape)) : null,
    wanted[1] ? b.mul(b.reduceSum(b.mul(dy, centred()), { axes }), r) : null,
    wanted[2] ? b.reduceSum(dy, { axes }) : null,
    null,
    null,
  ];
}

/**
 * The batch's own statistics over M elements a channel, r = 1 / sqrt(variance + epsilon), g = Σ dy, h = Σ dy x:
 * dshift = g; dscale = (h - mean g) r; dx = A dy + B x + C with, a value a channel, A = scale r,
 * B = -A r dscale / M, C = -A g / M - B mean (Ioffe and Szegedy, arXiv 1502.03167, section 3, with the sums collected).
 */
function training(b: GraphBuilder, node: Node, dy: Value, wanted: readonly boolean[]): (Value | null)[] {
  const [x, scale] = node.inputs as [Value, Value];
  const [, mean, variance] = node.outputs as readonly [Value, Value, Value];
  const axes = otherAxes(x.shape);
  const r = inverseDeviation(b, node, variance);
  const g = b.reduceSum(dy, { axes });
  const h = b.reduceSum(b.mul(dy, x), { axes });
  const dscale = b.mul(b.sub(h, b.mul(mean, g)), r);
  const input = (): Value => {
    const perElement = x.shape[1]! / elements(x.shape);
    const A = b.mul(scale, r);
    const B = b.scale(b.mul(b.mul(A, r), dscale), -perElement);
    const C = b.sub(b.scale(b.mul(A, g), -perElement), b.mul(B, mean));
    const channel = (v: Value): Value => perChannel(b, v, x.shape);
    return b.add(b.mul(dy, channel(A)), b.add(b.mul(x, channel(B)), channel(C)));
  };
  return [wanted[0] ? input() : null, wanted[1] ? dscale : null, wanted[2] ? g : null, null, null];
}

/** The rule of BatchNormalization in both of its modes. The statistics that training gives are not differentiable here. */
export const NORMALIZATION_RULES: Readonly<Record<string, Rule>> = {
  BatchNormalization: (b, node, dys, wanted) => {
    const [dy, ...statistics] = dys;
    if (wanted[3] || wanted[4] || statistics.some((cotangent) => cotangent !== null && cotangent !== undefined)) {
      throw new UnsupportedOperatorError(`BatchNormalization "${node.name}": its statistics have no gradient rule.`);
    }
    // With another momentum the outputs are mixed with the old statistics, but the rule needs the batch's own.
    if (node.attributes.training_mode === 1 && node.attributes.momentum !== 0) {
      throw new UnsupportedOperatorError(
        `BatchNormalization "${node.name}": momentum ${node.attributes.momentum ?? 0.9} in training mode has no gradient rule; give 0 and mix the running statistics outside.`,
      );
    }
    return (node.attributes.training_mode === 1 ? training : inference)(b, node, dy!, wanted);
  },
};
