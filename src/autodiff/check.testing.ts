import { expect, it } from "vitest";
import {
  type DataType,
  elements,
  GraphBuilder,
  nodesFor,
  printGraph,
  type TypedArray,
  type Value,
} from "../onnx/index.js";
import { random } from "../random.js";
import { openSession, packed, type Session } from "../runtime/index.js";
import { gradients } from "./gradients.js";
import type { Rule } from "./rule.js";

/** An operand of a case: its shape, and its values unless they are to be random in [-1, 1). */
export interface Operand {
  readonly shape: readonly number[];
  readonly values?: (u: number, i: number) => number;
  /** Not differentiated by. */
  readonly fixed?: boolean;
  readonly type?: DataType;
}

export interface Case {
  readonly name: string;
  readonly operands: readonly Operand[];
  readonly build: (b: GraphBuilder, operands: Value[]) => Value;
  /** The builder's `block`; none unless given. */
  readonly block?: number;
  /** What `build` computes, by plain loops in float64. Without it, derivatives are those of what ONNX Runtime computes. */
  readonly reference?: (operands: readonly ArrayLike<number>[]) => number[];
  /** Of the central differences. 1e-4 with a reference; else give 1 if the case is linear in each operand, or it is 1e-2. */
  readonly step?: number;
  /** Allowed error against the largest derivative: 1e-5 with a reference, 2e-3 without, unless given. */
  readonly tolerance?: number;
}

const uniform = (name: string, length: number): Float32Array => {
  const stream = random(1, name);
  return Float32Array.from({ length }, () => 2 * stream.uniform() - 1);
};

function operandData({ shape, values = (u) => u, type = "float32" }: Operand, i: number): TypedArray {
  const data = Float64Array.from(uniform(`operand ${i}`, elements(shape)), values);
  return type === "bool" ? Uint8Array.from(data) : Float32Array.from(data);
}

async function withSession<T>(outputs: Record<string, Value>, inputs: Value[], body: (session: Session) => Promise<T>) {
  const program = packed({ name: "case", inputs, outputs }, () => new Float32Array(0));
  const session = await openSession(program, { where: "here", threads: 1 });
  try {
    return await body(session);
  } finally {
    await session.dispose();
  }
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, v, i) => sum + v * b[i]!, 0);

/** The case as a graph, before it is differentiated. */
function graphOf({ operands, build, block }: Case): { b: GraphBuilder; inputs: Value[]; y: Value } {
  const b = new GraphBuilder([], block);
  const inputs = operands.map(({ shape, type = "float32" }, i) => b.input(`x${i}`, type, shape));
  return { b, inputs, y: build(b, inputs) };
}

/**
 * Builds a case, compares its forward values with the reference, and each element of the gradient of ⟨c, y⟩, for a random
 * c, with central differences: of the reference, or of what ONNX Runtime computes where there is none.
 */
export async function checkGradient(one: Case): Promise<void> {
  const { operands, reference } = one;
  const { step = reference ? 1e-4 : 1e-2, tolerance = reference ? 1e-5 : 2e-3 } = one;
  const { b, inputs, y } = graphOf(one);
  const c = uniform("cotangent", elements(y.shape));
  const dy = b.input("dy", "float32", y.shape);
  const wrt = inputs.filter((_, i) => operands[i]!.fixed !== true);
  const grads = Object.fromEntries(gradients(b, y, wrt, dy).map((g, i) => [`d ${wrt[i]!.name}`, g]));
  const data = operands.map(operandData);
  const feeds = (): Record<string, TypedArray> => Object.fromEntries(data.map((d, i) => [`x${i}`, d]));

  const found = await withSession(grads, [...inputs, dy], (session) => session.run({ ...feeds(), dy: c }));
  await withSession({ y }, inputs, async (session) => {
    const engine = async (): Promise<ArrayLike<number>> => (await session.run(feeds())).y as Float32Array;
    const compute = reference ? async () => reference(data as unknown as ArrayLike<number>[]) : engine;
    if (reference) expectClose("y", await engine(), await compute(), 1e-5);
    for (const [i, operand] of operands.entries()) {
      if (operand.fixed) continue;
      const own = data[i] as Float32Array;
      const measured: number[] = [];
      for (const [e, kept] of own.entries()) {
        own[e] = kept + step;
        const [above, up] = [dot(await compute(), c), own[e]!];
        own[e] = kept - step;
        const [below, down] = [dot(await compute(), c), own[e]!];
        own[e] = kept;
        measured.push((above - below) / (up - down));
      }
      expectClose(`gradient by operand ${i}`, found[`d x${i}`] as Float32Array, measured, tolerance);
    }
  });
}

/** Fails at the worst element if it errs by more than `tolerance` of the largest one wanted (of 1, if that is larger). */
function expectClose(what: string, found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  expect(found.length, `length of ${what}`).toBe(wanted.length);
  const scale = Math.max(1, ...Array.from(wanted, Math.abs));
  // A NaN counts as the worst.
  const errors = Array.from(found, (v, i) => {
    const error = Math.abs(v - wanted[i]!) / scale;
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  });
  const worst = errors.indexOf(Math.max(...errors));
  expect(errors[worst], `${what}, element ${worst}: ${found[worst]} for ${wanted[worst]}`).toBeLessThan(tolerance);
}

/** The tests of a table of rules: each case, and that every operator of the table occurs in one. */
export function checkRules(rules: Readonly<Record<string, Rule>>, cases: readonly Case[]): void {
  it.each(cases)("$name", (one) => checkGradient(one));

  it("has a case for every rule", () => {
    const covered = new Set(cases.flatMap((one) => nodesFor([graphOf(one).y]).map(({ op }) => op)));
    expect(Object.keys(rules).filter((op) => !covered.has(op))).toEqual([]);
  });
}

/** ⟨dy, J v⟩ = ⟨Jᵀ dy, v⟩ for an operator that is linear in its first operand, with the others fixed. */
export async function checkAdjoint(
  shapes: readonly (readonly number[])[],
  build: Case["build"],
  block?: number,
): Promise<void> {
  const b = new GraphBuilder([], block);
  const inputs = shapes.map((shape, i) => b.input(`x${i}`, "float32", shape));
  const y = build(b, inputs);
  const dy = b.input("dy", "float32", y.shape);
  const [dx] = gradients(b, y, [inputs[0]!], dy);
  const c = uniform("adjoint", elements(y.shape));
  const feeds = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, uniform(`adjoint ${i}`, elements(shape))]));
  const out = await withSession({ y, dx: dx! }, [...inputs, dy], (session) => session.run({ ...feeds, dy: c }));
  const [left, right] = [dot(out.y as Float32Array, c), dot(out.dx as Float32Array, feeds.x0!)];
  const scale = Math.sqrt(dot(out.y as Float32Array, out.y as Float32Array) * dot(c, c));
  expect(Math.abs(left - right) / scale).toBeLessThan(1e-6);
}

/** The graph of the gradients of ⟨dy, y⟩ as text, for snapshots. */
export function gradientText(b: GraphBuilder, y: Value, wrt: readonly Value[]): string {
  const dy = b.input("dy", "float32", y.shape);
  const outputs = Object.fromEntries(gradients(b, y, wrt, dy).map((g, i) => [`d ${wrt[i]!.name}`, g]));
  return printGraph({ name: "gradient", inputs: [], outputs });
}
