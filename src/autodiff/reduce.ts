import { axisOf, constantData, elements, type GraphBuilder, type Node, type Value } from "../onnx/index.js";
import { parts, type Rule } from "./rule.js";

/** The input's shape with ones where it was reduced: what the cotangent must have before it stretches back. */
function keptShape(node: Node): number[] {
  const { shape } = node.inputs[0]!;
  const given = node.inputs[1] ? constantData(node.inputs[1]) : null;
  // An empty list of axes stands for all of them, as an absent one does.
  const axes = Array.from((given?.length ? given : [...shape.keys()]) as ArrayLike<number | bigint>, Number).map(
    (axis) => axisOf(axis, shape.length, node.op),
  );
  return shape.map((n, i) => (axes.includes(i) ? 1 : n));
}

const spread = (b: GraphBuilder, node: Node, dy: Value): Value =>
  b.expand(b.reshape(dy, keptShape(node)), node.inputs[0]!.shape);

/** dx of an extremum: dy shared equally by all that reach it. */
const extremum: Rule = (b, node, dys) => {
  const { x, y, dy } = parts(node, dys);
  const kept = keptShape(node);
  const reached = b.cast(b.equal(x, b.reshape(y, kept)), x.type);
  const axes = kept.flatMap((n, i) => (n === 1 ? [i] : []));
  const share = b.div(b.reshape(dy, kept), b.reduceSum(reached, { axes, keepdims: true }));
  return [b.mul(reached, share), null];
};

/** Rules of the operators that shrink axes to one element. */
export const REDUCTION_RULES: Readonly<Record<string, Rule>> = {
  ReduceSum: (b, node, dys) => [spread(b, node, parts(node, dys).dy), null],
  ReduceMean: (b, node, dys) => {
    const { x, y, dy } = parts(node, dys);
    return [spread(b, node, b.scale(dy, elements(y.shape) / elements(x.shape))), null];
  },
  ReduceMax: extremum,
  ReduceMin: extremum,
  GlobalAveragePool: (b, node, dys) => {
    const { x, dy } = parts(node, dys);
    return [b.expand(b.scale(dy, 1 / (x.shape[2]! * x.shape[3]!)), x.shape)];
  },
};
