import { axisOf, type TensorType } from "../graph.js";
import { type Call, constantInts, intAttribute, type Operator, required, unsupported } from "./operator.js";

/** The shape that is left when the axes of input 1 (all, where it is absent) are reduced. */
function reduced(call: Call, axes: readonly number[]): TensorType {
  const { type, shape } = required(call, 0);
  const gone = new Set(axes.map((axis) => axisOf(axis, shape.length, `${call.op} "${call.name}"`)));
  if (axes.length === 0) for (const i of shape.keys()) gone.add(i);
  const kept =
    intAttribute(call, "keepdims", 1) === 1
      ? shape.map((n, i) => (gone.has(i) ? 1 : n))
      : shape.filter((_, i) => !gone.has(i));
  return { type, shape: kept };
}

const reduction: Operator = {
  attributes: { keepdims: "int", noop_with_empty_axes: "int" },
  infer(call) {
    const axes = call.inputs[1] ? constantInts(call, 1) : [];
    if (axes.length === 0 && intAttribute(call, "noop_with_empty_axes", 0) === 1)
      unsupported(call, "noop_with_empty_axes without axes reduces nothing; leave the operator out.");
    return [reduced(call, axes)];
  },
};

/** Operators that shrink axes to one element. Opset 18: the axes are an input. */
export const REDUCTIONS = {
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ReduceL1: reduction,
  ReduceL2: reduction,
  ReduceProd: reduction,
  ArgMax: {
    attributes: { axis: "int", keepdims: "int", select_last_index: "int" },
    infer: (call) => [{ ...reduced(call, [intAttribute(call, "axis", 0)]), type: "int64" }],
  },
} as const satisfies Record<string, Operator>;
