import { ShapeError, UnsupportedOperatorError } from "../../errors.js";
import { type Attributes, constantData, type Shape, showShape, type TensorType, type Value } from "../graph.js";

/** How ONNX stores an attribute. */
export type AttributeKind = "int" | "float" | "string" | "ints" | "floats";

/** What the builder knows of an ONNX operator: its attributes, and the type of each output for given inputs. */
export interface Operator {
  readonly attributes: Readonly<Record<string, AttributeKind>>;
  /** @throws {ShapeError} where the inputs do not go together */
  infer(call: Call): TensorType[];
}

/** One use of an operator while its output types are being inferred. */
export interface Call {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly (Value | null)[];
  readonly attributes: Attributes;
}

/** Fails with the operator, the name of the node and the shapes of all its inputs. */
export function reject(call: Call, reason: string): never {
  const shapes = call.inputs.map((input) => (input === null ? "none" : showShape(input.shape))).join(", ");
  throw new ShapeError(`${call.op} "${call.name}" of ${shapes}: ${reason}`);
}

/** Fails where an operator is used in a way that ONNX has but this project has not. */
export function unsupported(call: Call, reason: string): never {
  throw new UnsupportedOperatorError(`${call.op} "${call.name}": ${reason}`);
}

/** The i-th input, which this operator cannot do without. */
export function required(call: Call, i: number): Value {
  return call.inputs[i] ?? reject(call, `input ${i} is missing.`);
}

/** Fails where two operands are not of one element type. */
export function sameType(call: Call, a: Value, b: Value): void {
  if (a.type !== b.type) reject(call, `operands are ${a.type} and ${b.type}; cast one of them.`);
}

/** More than any list of sizes, axes or pads has. */
const MOST_NUMBERS = 1024;

/** The integers of a constant input such as the shape of Reshape or the axes of ReduceSum. */
export function constantInts(call: Call, i: number): number[] {
  const data = constantData(required(call, i));
  if (data === null) {
    unsupported(
      call,
      `input ${i} is computed by the graph; only constants are supported there, since every shape must be known.`,
    );
  }
  if (data.length > MOST_NUMBERS)
    reject(call, `input ${i} has ${data.length} numbers, where a few an axis are needed.`);
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

export function intAttribute(call: Call, name: string, fallback: number): number {
  const value = call.attributes[name];
  return typeof value === "number" ? value : fallback;
}

export function intsAttribute(call: Call, name: string, fallback: readonly number[]): readonly number[] {
  const value = call.attributes[name];
  return Array.isArray(value) ? value : fallback;
}

/**
 * The shape of two operands combined by numpy's rules: aligned at the end, 1 stretches.
 * @param behind - how many axes follow those given, for the message
 */
export function broadcast(call: Call, a: Shape, b: Shape, behind = 0): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[i - rank + a.length] ?? 1;
    const n = b[i - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) reject(call, `${m} and ${n} do not broadcast along axis ${i - rank - behind}.`);
    return m === 1 ? n : m;
  });
}
