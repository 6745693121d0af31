/**
 * Reverse-mode differentiation of graphs. In: a scalar and the values to differentiate by. Out: their gradients as
 * values of the same graph, in standard ONNX operators. One rule per operator, by family.
 *
 * @module
 */
export { pixelProducts } from "./convolution.js";
export { gradients, RULES } from "./gradients.js";
export type { Segment } from "./recompute.js";
export type { Rule } from "./rule.js";
