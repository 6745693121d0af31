import { GraphBuilder, serialize } from "../../onnx/index.js";
import { openSession, type SessionOptions } from "../../runtime/index.js";

/** Rows of a, rows of b, and columns of both. */
export type ProductSize = readonly [m: number, n: number, k: number];

/** The product a b' [m, n] of matrices of any size. */
export interface Product<Elements> {
  of(a: Elements, b: Elements, size: ProductSize): Promise<Elements>;
  dispose(): Promise<void>;
}

/** The arrays of the element types that products have. */
interface ArrayOf {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
}

/** Opens products, which the engine computes on the processor in this thread. */
export async function openProduct<T extends keyof ArrayOf>(
  type: T,
  { threads }: Pick<SessionOptions, "threads">,
): Promise<Product<ArrayOf[T]>> {
  const b = new GraphBuilder();
  // Sizes are left open; those here only differ.
  const [left, right] = [b.input("a", type, [2, 5]), b.input("b", type, [3, 5])];
  const y = b.gemm(left, right, null, { transB: true });
  const open = { a: { 0: "m", 1: "k" }, b: { 0: "n", 1: "k" }, y: { 0: "m", 1: "n" } };
  const model = serialize({ name: "product", inputs: [left, right], outputs: { y } }, { open });
  const session = await openSession({ model }, { threads, where: "here" });
  return {
    async of(first, second, [m, n, k]) {
      const out = await session.run({ a: first, b: second }, { a: [m, k], b: [n, k] });
      return out.y as ArrayOf[T];
    },
    dispose: () => session.dispose(),
  };
}
