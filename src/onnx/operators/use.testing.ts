import { type Attributes, type DataType, type Graph, GraphBuilder, type Shape, type Value } from "../index.js";

/** An operand: a shape of float32, one of another type, or whole numbers that the graph holds. */
export type Operand = Shape | { type: DataType; shape: Shape } | { ints: readonly number[] } | null;
/** Whole numbers that the graph holds, such as axes. */
export const ints = (...values: number[]): Operand => ({ ints: values });

/** A graph of one operator, all of whose results are outputs. */
export function use(
  op: string,
  operands: readonly Operand[],
  attributes: Attributes = {},
): { graph: Graph; results: readonly Value[] } {
  const b = new GraphBuilder();
  const given = operands.map((one, i) => operand(b, one, i));
  const results = b.op(op, given, attributes);
  const inputs = given.filter((value): value is Value => value?.source.kind === "input");
  const graph: Graph = { name: op, inputs, outputs: Object.fromEntries(results.map((value, i) => [`y${i}`, value])) };
  return { graph, results };
}

function operand(b: GraphBuilder, given: Operand, index: number): Value | null {
  if (given === null) return null;
  if ("ints" in given) return b.ints(given.ints);
  const { type, shape } = "type" in given ? given : { type: "float32" as const, shape: given };
  return b.input(`x${index}`, type, shape);
}

/** What the builder says of a wrong use: the error's class and its message. */
export function refusal(op: string, operands: readonly Operand[], attributes: Attributes = {}): string {
  try {
    use(op, operands, attributes);
  } catch (error) {
    return String(error);
  }
  throw new Error(`${op} was not refused.`);
}
