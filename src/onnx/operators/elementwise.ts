import { axisOf, type TensorType } from "../graph.js";
import { broadcast, type Call, intAttribute, type Operator, reject, required, sameType } from "./operator.js";

const unary = (attributes: Operator["attributes"] = {}): Operator => ({
  attributes,
  infer: (call) => [typeOf(call)],
});

const typeOf = (call: Call): TensorType => {
  const { type, shape } = required(call, 0);
  return { type, shape };
};

const alongAxis: Operator = {
  attributes: { axis: "int" },
  infer(call) {
    axisOf(intAttribute(call, "axis", -1), required(call, 0).shape.length, `${call.op} "${call.name}"`);
    return [typeOf(call)];
  },
};

/** The type of operands of one element type, broadcast together. */
function combined(call: Call, operands = 2): TensorType {
  const first = required(call, 0);
  let shape = first.shape;
  for (let i = 1; i < operands; i++) {
    const operand = required(call, i);
    sameType(call, first, operand);
    shape = broadcast(call, shape, operand.shape);
  }
  return { type: first.type, shape };
}

const binary: Operator = { attributes: {}, infer: (call) => [combined(call)] };
const variadic: Operator = { attributes: {}, infer: (call) => [combined(call, call.inputs.length)] };
const comparison: Operator = { attributes: {}, infer: (call) => [{ ...combined(call), type: "bool" }] };

/** Of truth values only. */
const logical = (operands: number): Operator => ({
  attributes: {},
  infer(call) {
    const result = combined(call, operands);
    if (result.type !== "bool") reject(call, `operands are ${result.type}, not bool.`);
    return [result];
  },
});

/** Operators that work on each element by itself, and the softmaxes. */
export const ELEMENTWISE = {
  Abs: unary(),
  Ceil: unary(),
  Cos: unary(),
  Elu: unary({ alpha: "float" }),
  Erf: unary(),
  Exp: unary(),
  Floor: unary(),
  HardSigmoid: unary({ alpha: "float", beta: "float" }),
  HardSwish: unary(),
  Identity: unary(),
  LeakyRelu: unary({ alpha: "float" }),
  Log: unary(),
  LRN: unary({ alpha: "float", beta: "float", bias: "float", size: "int" }),
  Mod: { attributes: { fmod: "int" }, infer: (call) => [combined(call)] },
  Neg: unary(),
  Not: logical(1),
  PRelu: binary,
  Reciprocal: unary(),
  Relu: unary(),
  Round: unary(),
  Sigmoid: unary(),
  Selu: unary({ alpha: "float", gamma: "float" }),
  Sign: unary(),
  Sin: unary(),
  Softplus: unary(),
  Softsign: unary(),
  Sqrt: unary(),
  Tanh: unary(),
  Clip: unary(),
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  Add: binary,
  Sub: binary,
  Mul: binary,
  Div: binary,
  Pow: {
    attributes: {},
    infer(call) {
      const [base, exponent] = [required(call, 0), required(call, 1)];
      return [{ type: base.type, shape: broadcast(call, base.shape, exponent.shape) }];
    },
  },
  Max: variadic,
  Min: variadic,
  And: logical(2),
  Or: logical(2),
  Equal: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  Less: comparison,
  LessOrEqual: comparison,
  Where: {
    attributes: {},
    infer(call) {
      const [condition, a, b] = [required(call, 0), required(call, 1), required(call, 2)];
      if (condition.type !== "bool") reject(call, `the condition is ${condition.type}, not bool.`);
      if (a.type !== b.type) reject(call, `choices are ${a.type} and ${b.type}; cast one of them.`);
      return [{ type: a.type, shape: broadcast(call, condition.shape, broadcast(call, a.shape, b.shape)) }];
    },
  },
} as const satisfies Record<string, Operator>;
