import type { GraphBuilder, Value } from "../onnx/index.js";
import { convolutionGradient } from "./convolution.js";
import { parts, type Rule, unbroadcast } from "./rule.js";

/** Exchanges the last two axes. */
const transposed = (b: GraphBuilder, x: Value): Value => {
  const rank = x.shape.length;
  return b.transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
};

/** y = a A' B' + c C: dA and dB are products with the other factor, dC the sum of dy over what C was stretched along. */
const gemm: Rule = (b, node, dys, wanted) => {
  const [x, w, c] = node.inputs as [Value, Value, Value | null | undefined];
  const dy = dys[0]!;
  const { transA = 0, transB = 0, alpha = 1, beta = 1 } = node.attributes as Record<string, number>;
  const [ta, tb] = [transA === 1, transB === 1];
  const dx = () =>
    ta ? b.gemm(w, dy, null, { transA: tb, transB: true, alpha }) : b.gemm(dy, w, null, { transB: !tb, alpha });
  const dw = () =>
    tb ? b.gemm(dy, x, null, { transA: true, transB: ta, alpha }) : b.gemm(x, dy, null, { transA: !ta, alpha });
  return [
    wanted[0] ? dx() : null,
    wanted[1] ? dw() : null,
    c && wanted[2] ? b.scale(unbroadcast(b, dy, c.shape), beta) : null,
  ];
};

/** Rules of the operators that multiply and add. */
export const LINEAR_RULES: Readonly<Record<string, Rule>> = {
  Conv: convolutionGradient,
  Gemm: gemm,
  MatMul: (b, node, dys, wanted) => {
    const { x, w, dy } = parts(node, dys);
    return [
      wanted[0] ? unbroadcast(b, b.matmul(dy, transposed(b, w)), x.shape) : null,
      wanted[1] ? unbroadcast(b, b.matmul(transposed(b, x), dy), w.shape) : null,
    ];
  },
};
