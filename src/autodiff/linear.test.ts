import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../onnx/index.js";
import { type Case, checkAdjoint, checkRules, gradientText } from "./check.testing.js";
import { LINEAR_RULES } from "./linear.js";
import * as reference from "./references.testing.js";

interface GemmCase {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
  readonly beta?: number;
  readonly addend?: readonly number[] | null;
}

/** [2, 3] times [3, 4], each stored transposed if asked. */
const gemm = ({ transA = false, transB = false, alpha = 1, beta = 1, addend = [4] }: GemmCase): Case => {
  const [a, w] = [transA ? [3, 2] : [2, 3], transB ? [4, 3] : [3, 4]];
  const flags = `${transA ? "A'" : "A"} ${transB ? "B'" : "B"}`;
  return {
    name: `Gemm: ${alpha} ${flags}${addend ? ` + ${beta} C of [${addend}]` : ""}`,
    operands: [a, w, ...(addend ? [addend] : [])].map((shape) => ({ shape })),
    build: (b, operands) => b.op("Gemm", operands, { transA: Number(transA), transB: Number(transB), alpha, beta })[0]!,
    reference: ([x, y, c]) => {
      const [left, right] = [transA ? reference.transpose(x!, 2, 3) : x!, transB ? reference.transpose(y!, 3, 4) : y!];
      const product = reference.matmul(left, right, [
        [2, 3],
        [3, 4],
      ]);
      if (!addend) return product.map((v) => alpha * v);
      return reference.broadcast([product, c!], [[2, 4], addend], [2, 4], (v, u) => alpha * v! + beta * u!);
    },
  };
};

const matmul = (a: readonly number[], w: readonly number[], stack: readonly number[]): Case => ({
  name: `MatMul of [${a}] and [${w}]`,
  operands: [{ shape: a }, { shape: w }],
  build: (b, [x, y]) => b.matmul(x!, y!),
  reference: ([x, y]) => reference.matmul(x!, y!, [a, w], stack),
});

describe("rules of matrix products, against central differences", () => {
  // Conv has convolution.test.ts and depthwise.test.ts.
  const { Conv: _, ...rules } = LINEAR_RULES;
  checkRules(rules, [
    gemm({}),
    gemm({ transA: true }),
    gemm({ transB: true, alpha: 0.5 }),
    gemm({ transA: true, transB: true, alpha: -2, beta: 3 }),
    gemm({ addend: null }),
    gemm({ beta: 0.5, addend: [] }),
    gemm({ addend: [2, 1] }),
    gemm({ addend: [1, 4] }),
    gemm({ addend: [2, 4] }),
    matmul([2, 3], [3, 4], []),
    matmul([1, 5], [5, 1], []),
    matmul([2, 3], [5, 3, 4], [5]),
    matmul([5, 2, 3], [3, 4], [5]),
    matmul([2, 1, 3, 4], [5, 4, 2], [2, 5]),
  ]);
});

it("passes the adjoint test on a larger Gemm, by both factors", async () => {
  const options = { transB: true };
  await checkAdjoint(
    [
      [32, 320],
      [200, 320],
    ],
    (b, [x, w]) => b.gemm(x!, w!, null, options),
  );
  await checkAdjoint(
    [
      [200, 320],
      [32, 320],
    ],
    (b, [w, x]) => b.gemm(x!, w!, null, options),
  );
});

it("builds of a classifier's Gemm no more than is asked for", () => {
  const b = new GraphBuilder();
  const [x, w] = [b.input("x", "float32", [2, 3]), b.input("w", "float32", [4, 3])];
  const c = b.input("c", "float32", [4]);
  expect(gradientText(b, b.gemm(x, w, c, { transB: true }), [w, c])).toMatchInlineSnapshot(`
    "%0 = Gemm(dy, x) {transA: 1, transB: 0, alpha: 1} [4, 3]
    %1 = ReduceSum(dy, [0]) {keepdims: 1} [1, 4]
    %2 = Reshape(%1, [4]) [4]
    d w = %0
    d c = %2"
  `);
});
