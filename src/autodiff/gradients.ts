import { ShapeError, UnsupportedOperatorError } from "../errors.js";
import { elements, type GraphBuilder, type Node, nodesFor, sameShape, showShape, type Value } from "../onnx/index.js";
import { BLOCKED_RULES } from "./blocked.js";
import { ELEMENTWISE_RULES } from "./elementwise.js";
import { LAYOUT_RULES } from "./layout.js";
import { LINEAR_RULES } from "./linear.js";
import { NORMALIZATION_RULES } from "./normalization.js";
import { recomputation, type Segment } from "./recompute.js";
import { REDUCTION_RULES } from "./reduce.js";
import type { Rule } from "./rule.js";

/** How each operator passes a cotangent back to its inputs. What is not here has no gradient. */
export const RULES: Readonly<Record<string, Rule>> = {
  ...ELEMENTWISE_RULES,
  ...REDUCTION_RULES,
  ...LAYOUT_RULES,
  ...LINEAR_RULES,
  ...NORMALIZATION_RULES,
  ...BLOCKED_RULES,
};

/**
 * The gradient of a scalar with respect to some of the values that it depends on, as further values of the same graph.
 * Reverse mode: nodes are visited once, last first, and only those between `wrt` and the result get anything built.
 * The nodes are standard ONNX operators, so that they run on every execution provider.
 *
 * @param b - the builder that wrote the graph
 * @param y - the loss, one element; of any shape if `dy` is given
 * @param wrt - values to differentiate by
 * @param dy - the cotangent of `y`, of its shape; 1 unless given
 * @param recomputed - parts of the graph whose inner values are computed again, and not kept until their gradients need them
 * @returns for each of `wrt` the gradient, of its shape; zeros where `y` does not depend on it
 * @throws {UnsupportedOperatorError} where an operator on the way has no rule
 * @throws {ShapeError} where `y` has several elements and no `dy` was given
 */
export function gradients(
  b: GraphBuilder,
  y: Value,
  wrt: readonly Value[],
  dy?: Value,
  recomputed: readonly Segment[] = [],
): Value[] {
  if (dy === undefined && elements(y.shape) !== 1) {
    throw new ShapeError(
      `gradients: "${y.name}" ${showShape(y.shape)} is no scalar; reduce it first, or give its cotangent as dy.`,
    );
  }
  if (dy !== undefined && !sameShape(dy.shape, y.shape)) {
    throw new ShapeError(
      `gradients: dy ${showShape(dy.shape)} must have the shape of "${y.name}", ${showShape(y.shape)}.`,
    );
  }
  const nodes = nodesFor([y]);
  const asked = new Set(wrt);
  const needed = reaching(nodes, asked);
  const recompute = recomputation(b, recomputed, asked);
  const cotangents = new Map<Value, Value>([[y, dy ?? b.expand(b.scalar(1, y.type), y.shape)]]);
  const accumulate = (value: Value, cotangent: Value): void => {
    const sum = cotangents.get(value);
    cotangents.set(value, sum === undefined ? cotangent : b.add(sum, cotangent));
  };

  b.scope("grad", () => {
    for (const node of nodes.reverse()) {
      const wanted = node.inputs.map((input) => input !== null && needed.has(input));
      const incoming = node.outputs.map((output) => cotangents.get(output) ?? null);
      if (!wanted.includes(true) || incoming.every((cotangent) => cotangent === null)) continue;
      const subject = recompute.again(node, incoming.find((cotangent) => cotangent !== null)!);
      ruleFor(node)(b, subject, incoming, wanted, recompute.asked).forEach((cotangent, i) => {
        const input = node.inputs[i];
        if (cotangent !== null && input && wanted[i]) accumulate(input, checked(node, i, input, cotangent));
      });
    }
  });
  return wrt.map((value) => cotangents.get(value) ?? b.expand(b.scalar(0, value.type), value.shape));
}

/** The values that depend on any of `wrt`, those included. */
function reaching(nodes: readonly Node[], wrt: ReadonlySet<Value>): Set<Value> {
  const needed = new Set(wrt);
  for (const node of nodes) {
    if (node.inputs.some((input) => input !== null && needed.has(input)))
      for (const output of node.outputs) needed.add(output);
  }
  return needed;
}

function ruleFor(node: Node): Rule {
  const rule = RULES[node.op];
  if (rule === undefined) {
    throw new UnsupportedOperatorError(
      `${node.op} "${node.name}" has no gradient rule; freeze what lies before it. Rules exist for: ${Object.keys(RULES).sort().join(", ")}.`,
    );
  }
  return rule;
}

function checked(node: Node, i: number, input: Value, cotangent: Value): Value {
  if (sameShape(input.shape, cotangent.shape)) return cotangent;
  throw new ShapeError(
    `the gradient rule of ${node.op} "${node.name}" gave ${showShape(cotangent.shape)} for input ${i} of ${showShape(input.shape)}; the rule is wrong.`,
  );
}
