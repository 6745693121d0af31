import { ShapeError } from "../errors.js";

/** Element types that graphs here use; the spelling is ONNX Runtime's for JavaScript. */
export type DataType = "float32" | "float16" | "float64" | "uint8" | "int8" | "int32" | "int64" | "bool";

/** The array that holds elements of each type (float16 as its bits, bool as bytes of 0 and 1). */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int32Array
  | BigInt64Array;

/** The array type of each element type. */
export const ARRAYS = {
  float32: Float32Array,
  float16: Uint16Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const satisfies Record<DataType, unknown>;

/** Dimensions of a tensor, outermost first; always known numbers, since a graph is emitted per resolution and batch. */
export type Shape = readonly number[];

/** What a node computes: its element type and dimensions. */
export interface TensorType {
  readonly type: DataType;
  readonly shape: Shape;
}

/** Where a value comes from. A parameter is bound only when its graph is emitted (see `serialize`). */
export type Source =
  | { readonly kind: "input" }
  | { readonly kind: "parameter" }
  | { readonly kind: "constant"; readonly data: TypedArray }
  | { readonly kind: "node"; readonly node: Node; readonly index: number };

/** One tensor of a graph: an edge of the directed acyclic graph that its sources span. */
export interface Value extends TensorType {
  readonly name: string;
  readonly source: Source;
}

/** The value of an attribute; whether a number is written as an int or a float is the operator's to say. */
export type Attribute = number | string | readonly number[];
export type Attributes = Readonly<Record<string, Attribute>>;

/** One operator applied to values; an absent optional input is null. */
export interface Node {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly (Value | null)[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
}

/** A computation: what it takes, in order, and what it gives, by name. Nothing that no output needs belongs to it. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: Readonly<Record<string, Value>>;
}

/** Number of elements of a shape. */
export function elements(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** A shape as it stands in messages: `[2, 3, 8, 8]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** True where two shapes have the same dimensions. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

/** An axis counted from the end (-1 is the last) as one counted from the front. @throws {ShapeError} out of range */
export function axisOf(axis: number, rank: number, what: string): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    throw new ShapeError(
      `${what}: axis ${axis} does not exist in a tensor of rank ${rank}; give -${rank}..${rank - 1}.`,
    );
  }
  return positive;
}

/** The data of a constant, or null where the value is computed or fed. */
export function constantData(value: Value): TypedArray | null {
  return value.source.kind === "constant" ? value.source.data : null;
}

/**
 * The nodes that the given values need, each after those that it needs itself. What they don't need is left out, so this
 * is dead-node removal too.
 * @param known - values that need nothing, because they are given
 */
export function nodesFor(values: Iterable<Value>, known: ReadonlySet<Value> = new Set()): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  // An explicit stack: the graph of a training step is deeper than JavaScript's own.
  const stack: { node: Node; next: number }[] = [];
  const enter = (value: Value | null): void => {
    if (value === null || value.source.kind !== "node" || seen.has(value.source.node) || known.has(value)) return;
    seen.add(value.source.node);
    stack.push({ node: value.source.node, next: 0 });
  };
  for (const value of values) {
    enter(value);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.next < top.node.inputs.length) enter(top.node.inputs[top.next++] ?? null);
      else order.push(stack.pop()!.node);
    }
  }
  return order;
}

/** What the given values depend on in the end: inputs, parameters, constants and `known` ones, in the order of need. */
export function leavesFor(values: Iterable<Value>, known: ReadonlySet<Value> = new Set()): Set<Value> {
  const leaves = new Set<Value>();
  const all = [...values];
  for (const value of [...nodesFor(all, known).flatMap((node) => node.inputs), ...all]) {
    if (value !== null && (value.source.kind !== "node" || known.has(value))) leaves.add(value);
  }
  return leaves;
}

/** The parameters that the given values depend on, in the order in which they are first needed. */
export function parametersFor(values: Iterable<Value>, known?: ReadonlySet<Value>): Value[] {
  return [...leavesFor(values, known)].filter(({ source }) => source.kind === "parameter");
}
