import type { GraphBuilder } from "../builder.js";
import type { Value } from "../graph.js";
import { type Call, type Operator, reject, required, sameType } from "./operator.js";

/** An operator that is written as ONNX's Scan: its body works on one slice of the first axis of every operand. */
export interface Loop extends Operator {
  readonly body: (b: GraphBuilder, operands: readonly Value[]) => Value;
}

/** Operands and result of one shape, [parts, elements]. */
function alike(call: Call) {
  const [x, other] = [required(call, 0), required(call, 1)];
  sameType(call, x, other);
  if (x.shape.length !== 2 || x.shape.join() !== other.shape.join())
    reject(call, "operands must be [parts, elements].");
  return [{ type: x.type, shape: x.shape }];
}

/**
 * Operators for ONNX Runtime's CPU alone that make fewer passes over memory than ONNX's do: its own, and loops over parts that stay
 * in the cache. They are named with a domain, and files with them are not read.
 */
export const ENGINE = {
  /** y = x sigmoid(alpha x) in one pass. */
  "com.microsoft.QuickGelu": {
    attributes: { alpha: "float" },
    infer(call) {
      const { type, shape } = required(call, 0);
      return [{ type, shape }];
    },
  },
  /** dx of y = x sigmoid(x) from x and dy, with s = sigmoid(x): dx = dy (s + y (1 - s)) = dy (s + (y - y s)). */
  "loop.SwishGradient": {
    attributes: {},
    infer: alike,
    body: (b, [x, dy]) => {
      const s = b.sigmoid(x!);
      const y = b.mul(x!, s);
      return b.mul(dy!, b.add(s, b.sub(y, b.mul(y, s))));
    },
  },
} as const satisfies Record<string, Operator | Loop>;
