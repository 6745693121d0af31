import { expect } from "vitest";
import { type DataType, elements, GraphBuilder, nodesFor, type TypedArray, type Value } from "../onnx/index.js";
import { random } from "../random.js";
import { openSession, packed, type Session } from "../runtime/index.js";
import { gradients } from "./gradients.js";

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
  /** What `build` computes, by plain loops in float64. */
  readonly reference?: (operands: readonly ArrayLike<number>[]) => number[];
  /** Of the central differences: 1 where the operator is linear in each operand, 1e-2 unless given. */
  readonly step?: number;
  /** Allowed error against the largest derivative; 2e-3 unless given. */
  readonly tolerance?: number;
}

/** Elements of an operand whose derivative is measured; more would only take longer. */
const PROBES = 40;

export const uniform = (name: string, length: number): Float32Array => {
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

/**
 * Builds a case, compares its forward values with the reference, and the gradient of ⟨c, y⟩ for a random c with central
 * differences of what ONNX Runtime computes. Gives the operators of the forward graph.
 */
export async function checkGradient({
  operands,
  build,
  reference,
  step = 1e-2,
  tolerance = 2e-3,
}: Case): Promise<string[]> {
  const b = new GraphBuilder();
  const inputs = operands.map(({ shape, type = "float32" }, i) => b.input(`x${i}`, type, shape));
  const y = build(b, inputs);
  const c = uniform("cotangent", elements(y.shape));
  const dy = b.input("dy", "float32", y.shape);
  const wrt = inputs.filter((_, i) => operands[i]!.fixed !== true);
  const grads = Object.fromEntries(gradients(b, y, wrt, dy).map((g, i) => [`d ${wrt[i]!.name}`, g]));
  const data = operands.map(operandData);
  const feeds = (): Record<string, TypedArray> => Object.fromEntries(data.map((d, i) => [`x${i}`, d]));

  const found = await withSession(grads, [...inputs, dy], (session) => session.run({ ...feeds(), dy: c }));
  await withSession({ y }, inputs, async (session) => {
    const forward = async (): Promise<Float32Array> => (await session.run(feeds())).y as Float32Array;
    if (reference !== undefined) {
      const wanted = reference(data as unknown as ArrayLike<number>[]);
      const values = await forward();
      expect(values.length).toBe(wanted.length);
      const scale = Math.max(1, ...wanted.map(Math.abs));
      expect(Math.max(...wanted.map((v, i) => Math.abs(v - values[i]!)))).toBeLessThan(1e-5 * scale);
    }
    for (const [i, operand] of operands.entries()) {
      if (operand.fixed) continue;
      const own = data[i] as Float32Array;
      const gradient = found[`d x${i}`] as Float32Array;
      expect(gradient.length).toBe(own.length);
      const stride = Math.max(1, Math.floor(own.length / PROBES));
      const scale = Math.max(1, ...Array.from(gradient, Math.abs));
      for (let e = 0; e < own.length; e += stride) {
        const kept = own[e]!;
        own[e] = kept + step;
        const [above, up] = [dot(await forward(), c), own[e]!];
        own[e] = kept - step;
        const [below, down] = [dot(await forward(), c), own[e]!];
        own[e] = kept;
        const measured = (above - below) / (up - down);
        expect(
          Math.abs(gradient[e]! - measured) / scale,
          `operand ${i}, element ${e}: ${gradient[e]} for ${measured}`,
        ).toBeLessThan(tolerance);
      }
    }
  });
  return nodesFor([y]).map(({ op }) => op);
}

/** ⟨dy, J v⟩ = ⟨Jᵀ dy, v⟩ for an operator that is linear in its first operand, with the others fixed. */
export async function checkAdjoint(shapes: readonly (readonly number[])[], build: Case["build"]): Promise<void> {
  const b = new GraphBuilder();
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
