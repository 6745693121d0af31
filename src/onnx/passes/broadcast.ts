import { type Graph, type Node, sameShape, type Value } from "../graph.js";
import { rewrite } from "./rewrite.js";

/** Operators that repeat the smaller of two operands by themselves. */
const BROADCASTS: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div"]);

/**
 * The graph without those Expands whose result only meets a full operand, which repeats it anyway: a value of each channel, such as
 * the gradient of a mean over pixels, need not be written out to all of them.
 */
export const withoutExpands = (graph: Graph): Graph =>
  rewrite(graph, (b, { op, name, attributes, outputs }, inputs) => {
    if (!BROADCASTS.has(op)) return null;
    const small = inputs.map((input) => expanded(input!));
    // One operand must have the result's shape by itself.
    const keep = small.findIndex((value, i) => value === null && sameShape(inputs[i]!.shape, outputs[0]!.shape));
    if (keep < 0 || small[1 - keep] === null) return null;
    const operands = keep === 0 ? [inputs[0]!, small[1]!] : [small[0]!, inputs[1]!];
    return b.op(op as Parameters<typeof b.op>[0], operands, attributes, name);
  });

/** What an Expand repeats; null for any other value. */
function expanded({ source }: Value): Value | null {
  const node: Node | null = source.kind === "node" ? source.node : null;
  return node?.op === "Expand" ? node.inputs[0]! : null;
}
