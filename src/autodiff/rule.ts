import type { GraphBuilder, Node, Shape, Value } from "../onnx/index.js";

/**
 * The transpose of an operator's derivative: from the cotangents of its outputs (null where nothing depends on one) to
 * those of its inputs, in order. Only inputs that are `wanted` need one; null stands for no contribution. A rule that
 * differentiates several nodes as one must leave whole those whose results are in `wrt`, the values asked for.
 */
export type Rule = (
  b: GraphBuilder,
  node: Node,
  dys: readonly (Value | null)[],
  wanted: readonly boolean[],
  wrt: ReadonlySet<Value>,
) => readonly (Value | null)[];

/** The parts of a node with one output and one to three inputs, as most rules want them. */
export function parts(node: Node, dys: readonly (Value | null)[]): { x: Value; w: Value; y: Value; dy: Value } {
  return { x: node.inputs[0]!, w: node.inputs[1]!, y: node.outputs[0]!, dy: dys[0]! };
}

/** The adjoint of broadcasting: sums a cotangent over the axes that were stretched, so that it has `shape` again. */
export function unbroadcast(b: GraphBuilder, dy: Value, shape: Shape): Value {
  const added = dy.shape.length - shape.length;
  const axes = dy.shape.flatMap((n, i) => (i < added || (shape[i - added] === 1 && n !== 1) ? [i] : []));
  return b.reshape(b.reduceSum(dy, { axes, keepdims: true }), shape);
}
