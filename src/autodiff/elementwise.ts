import { UnsupportedOperatorError } from "../errors.js";
import { axisOf, elements, type GraphBuilder, type Node, type Value } from "../onnx/index.js";
import { parts, type Rule, unbroadcast } from "./rule.js";

/** A rule for y = f(x), each element by itself: dx from x, y and dy. */
const unary =
  (dx: (b: GraphBuilder, dy: Value, x: Value, y: Value) => Value): Rule =>
  (b, node, dys) => {
    const { x, y, dy } = parts(node, dys);
    return [dx(b, dy, x, y)];
  };

/** A rule for y = f(x, w), broadcast: the two cotangents before they are summed over stretched axes. */
const binary =
  (dx: (b: GraphBuilder, dy: Value, x: Value, w: Value, y: Value) => Value, dw: typeof dx): Rule =>
  (b, node, dys, wanted) => {
    const { x, w, y, dy } = parts(node, dys);
    return [
      wanted[0] ? unbroadcast(b, dx(b, dy, x, w, y), x.shape) : null,
      wanted[1] ? unbroadcast(b, dw(b, dy, x, w, y), w.shape) : null,
    ];
  };

const product = binary(
  (b, dy, _, w) => b.mul(dy, w),
  (b, dy, x) => b.mul(dy, x),
);

/** True where `gate` is Sigmoid(x). */
const gates = (gate: Value, x: Value): boolean =>
  gate.source.kind === "node" && gate.source.node.op === "Sigmoid" && gate.source.node.inputs[0] === x;

/**
 * Mul, and swish as one: for y = x s with s = sigmoid(x), dx = dy (s + y (1 - s)) = dy (s + (y - y s)). That is four
 * passes over the activations instead of the six of the two rules by themselves. It skips ds, so not where s is asked for.
 */
const mul: Rule = (b, node, dys, wanted, wrt) => {
  const { x: left, w: right, y, dy } = parts(node, dys);
  const swish = (s: Value): Value => b.mul(dy, b.add(s, b.sub(y, b.mul(y, s))));
  if (gates(right, left) && !wrt.has(right)) return [swish(right), null];
  if (gates(left, right) && !wrt.has(left)) return [null, swish(left)];
  return product(b, node, dys, wanted, wrt);
};

/** Elements that stay in a core's cache with what is made of them. */
const PART = 2 ** 17;

/** The rule of the engine's swish; where it is large, part by part (`loop.SwishGradient`). */
const quickGelu: Rule = (b, node, dys) => {
  const { x, y, dy } = parts(node, dys);
  if (node.attributes.alpha !== 1)
    throw new UnsupportedOperatorError(`${node.op} "${node.name}": alpha must be 1, which makes it swish.`);
  const count = elements(x.shape);
  const pieces = divisorFrom(count, count / PART);
  if (pieces === 1) {
    const s = b.sigmoid(x);
    return [b.mul(dy, b.add(s, b.sub(y, b.mul(y, s))))];
  }
  const split = (v: Value): Value => b.reshape(v, [pieces, count / pieces]);
  return [b.reshape(b.op("loop.SwishGradient", [split(x), split(dy)])[0]!, x.shape)];
};

/** The least divisor of `n` that is no smaller than `wanted`. */
function divisorFrom(n: number, wanted: number): number {
  let divisor = Math.max(1, Math.ceil(wanted));
  while (n % divisor !== 0) divisor++;
  return divisor;
}

/** The axis along which Softmax and LogSoftmax sum to one, counted from the front. */
const axisOfSoftmax = (node: Node): number =>
  axisOf(Number(node.attributes.axis ?? -1), node.inputs[0]!.shape.length, node.op);

/** `dy` where a value is strictly between 0 and 1, else 0. */
const inside = (b: GraphBuilder, y: Value, dy: Value): Value => {
  const zero = b.scalar(0, dy.type);
  return b.where(b.greater(y, zero), b.where(b.greater(b.scalar(1, y.type), y), dy, zero), zero);
};

/** Passes dy to the operand that was chosen; a tie counts for the first. */
const selection =
  (first: "Greater" | "Less"): Rule =>
  (b, node, dys, wanted) => {
    if (node.inputs.length !== 2) {
      throw new UnsupportedOperatorError(
        `${node.op} "${node.name}" of ${node.inputs.length} operands has no gradient rule; nest it, two operands at a time.`,
      );
    }
    const { x, w, dy } = parts(node, dys);
    const second = b.op(first, [w, x])[0]!;
    const zero = b.scalar(0, dy.type);
    return [
      wanted[0] ? unbroadcast(b, b.where(second, zero, dy), x.shape) : null,
      wanted[1] ? unbroadcast(b, b.where(second, dy, zero), w.shape) : null,
    ];
  };

/** Rules of the operators that work on each element by itself, and of the softmaxes. */
export const ELEMENTWISE_RULES: Readonly<Record<string, Rule>> = {
  Identity: unary((_, dy) => dy),
  Cast: (b, node, dys) => {
    const { x, dy } = parts(node, dys);
    // A whole number does not move continuously: what was cast from one has no gradient.
    return [x.type.startsWith("float") ? b.cast(dy, x.type) : null];
  },
  Neg: unary((b, dy) => b.neg(dy)),
  Exp: unary((b, dy, _, y) => b.mul(dy, y)),
  Log: unary((b, dy, x) => b.div(dy, x)),
  Sqrt: unary((b, dy, _, y) => b.div(b.scale(dy, 0.5), y)),
  Reciprocal: unary((b, dy, _, y) => b.neg(b.mul(dy, b.mul(y, y)))),
  /** Constant but for the jump at 0: nothing passes. So what a sign is computed from is not differentiated through. */
  Sign: () => [null],
  Abs: unary((b, dy, x) => b.mul(dy, b.op("Sign", [x])[0]!)),
  Sigmoid: unary((b, dy, _, y) => b.mul(dy, b.sub(y, b.mul(y, y)))),
  Tanh: unary((b, dy, _, y) => b.sub(dy, b.mul(dy, b.mul(y, y)))),
  Relu: unary((b, dy, x) => b.where(b.greater(x, b.scalar(0, x.type)), dy, b.scalar(0, dy.type))),
  LeakyRelu: (b, node, dys) => {
    const { x, dy } = parts(node, dys);
    return [b.where(b.greater(x, b.scalar(0, x.type)), dy, b.scale(dy, Number(node.attributes.alpha ?? 0.01)))];
  },
  /** y = max(0, min(1, alpha x + beta)) */
  HardSigmoid: (b, node, dys) => {
    const { y, dy } = parts(node, dys);
    return [inside(b, y, b.scale(dy, Number(node.attributes.alpha ?? 0.2)))];
  },
  /** y = x h with h = max(0, min(1, x / 6 + 1/2)), hence dx = dy (h + x h') */
  HardSwish: unary((b, dy, x) => {
    const h = b.op("HardSigmoid", [x], { alpha: 1 / 6, beta: 0.5 })[0]!;
    return b.mul(dy, b.add(h, inside(b, h, b.scale(x, 1 / 6))));
  }),
  /** y = 2/√π ∫₀ˣ exp(-t²) dt */
  Erf: unary((b, dy, x) => b.mul(dy, b.scale(b.exp(b.neg(b.mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  Softplus: unary((b, dy, x) => b.mul(dy, b.sigmoid(x))),
  Clip: (b, node, dys) => {
    const { x, y, dy } = parts(node, dys);
    const zero = b.scalar(0, dy.type);
    // Inside the bounds the value is unchanged; outside it is a constant.
    if (x.type !== "float16") return [b.where(b.equal(x, y), dy, zero), null, null];
    // Of float16 the engine may compare an operand that it has left unrounded, which equals nothing.
    const [, least, most] = node.inputs;
    const above = least ? b.where(b.greater(least, x), zero, dy) : dy;
    return [most ? b.where(b.greater(x, most), zero, above) : above, null, null];
  },
  Add: binary(
    (_, dy) => dy,
    (_, dy) => dy,
  ),
  Sub: binary(
    (_, dy) => dy,
    (b, dy) => b.neg(dy),
  ),
  Mul: mul,
  "com.microsoft.QuickGelu": quickGelu,
  Div: binary(
    (b, dy, _, w) => b.div(dy, w),
    (b, dy, _x, w, y) => b.neg(b.div(b.mul(dy, y), w)),
  ),
  Pow: binary(
    (b, dy, x, w) => b.mul(dy, b.mul(w, b.op("Pow", [x, b.sub(w, b.scalar(1, w.type))])[0]!)),
    (b, dy, x, _, y) => b.mul(dy, b.mul(y, b.op("Log", [x])[0]!)),
  ),
  Max: selection("Greater"),
  Min: selection("Less"),
  Where: (b, node, dys, wanted) => {
    const [condition, x, w] = node.inputs as [Value, Value, Value];
    const dy = dys[0]!;
    const zero = b.scalar(0, dy.type);
    return [
      null,
      wanted[1] ? unbroadcast(b, b.where(condition, dy, zero), x.shape) : null,
      wanted[2] ? unbroadcast(b, b.where(condition, zero, dy), w.shape) : null,
    ];
  },
  /** dx = y (dy - Σ y dy) */
  Softmax: (b, node, dys) => {
    const { y, dy } = parts(node, dys);
    const sum = b.reduceSum(b.mul(y, dy), { axes: [axisOfSoftmax(node)], keepdims: true });
    return [b.mul(y, b.sub(dy, sum))];
  },
  /** dx = dy - softmax(x) Σ dy */
  LogSoftmax: (b, node, dys) => {
    const { y, dy } = parts(node, dys);
    const sum = b.reduceSum(dy, { axes: [axisOfSoftmax(node)], keepdims: true });
    return [b.sub(dy, b.mul(b.exp(y), sum))];
  },
};
