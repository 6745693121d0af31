/*
 * Activations that are computed a second time for the backward pass, in place of being kept from the forward pass to it (Chen et al.,
 * arXiv 1604.06174): memory for time. The second computation must not be the first one again: the builder, and the engine's elimination
 * of common subexpressions, would make one of the two; and it must not begin before the backward pass has come to it. Both follow from a
 * zero that is subtracted from its input, and that only the cotangent of its output gives.
 */
import { elements, type GraphBuilder, type Node, nodesFor, type Value } from "../onnx/index.js";

/** A part of a graph that may be computed again: all that `output` needs and that depends on `input`. */
export interface Segment {
  readonly input: Value;
  readonly output: Value;
}

/** Nodes as the backward pass uses them: those of segments as they are computed again, others as they are. */
export interface Recomputation {
  /** @param dy - a cotangent of the node's results */
  again(node: Node, dy: Value): Node;
  /** Values that stand for one of those asked for. */
  readonly asked: ReadonlySet<Value>;
}

/** @param segments - none of which lies within another  @param asked - the values that are differentiated by */
export function recomputation(b: GraphBuilder, segments: readonly Segment[], asked: ReadonlySet<Value>): Recomputation {
  const all = new Set(asked);
  const owner = new Map<Node, { readonly segment: Segment; readonly nodes: readonly Node[] }>();
  for (const segment of segments) {
    const own = { segment, nodes: dependents(segment) };
    for (const node of own.nodes) owner.set(node, own);
  }
  const made = new Map<Node, Node>();
  const repeat = ({ input }: Segment, nodes: readonly Node[], dy: Value): void => {
    const values = new Map<Value, Value>([[input, later(b, input, dy)]]);
    for (const node of nodes) {
      const inputs = node.inputs.map((value) => (value === null ? null : (values.get(value) ?? value)));
      const results = b.op(node.op, inputs, node.attributes, node.name);
      node.outputs.forEach((output, i) => {
        values.set(output, results[i]!);
        if (asked.has(output)) all.add(results[i]!);
      });
      const [{ source }] = results as readonly [Value];
      if (source.kind === "node") made.set(node, source.node);
    }
  };
  return {
    asked: all,
    again(node, dy) {
      const own = owner.get(node);
      // The last node of a segment is the first that the backward pass comes to.
      if (own !== undefined && !made.has(node)) b.scope("again", () => repeat(own.segment, own.nodes, dy));
      return made.get(node) ?? node;
    },
  };
}

/** The nodes of a segment in the order of need. */
function dependents({ input, output }: Segment): Node[] {
  const made = new Set<Value>([input]);
  return nodesFor([output], made).filter(({ inputs, outputs }) => {
    if (!inputs.some((value) => value !== null && made.has(value))) return false;
    for (const value of outputs) made.add(value);
    return true;
  });
}

/** `x` to the last bit, once `dy` is there: x - 0, the zero being whether an element of `dy` is above infinity. */
function later(b: GraphBuilder, x: Value, dy: Value): Value {
  const axes = [...dy.shape.keys()];
  const first = b.slice(dy, { axes, starts: axes.map(() => 0), ends: axes.map(() => 1) });
  const never = b.greater(b.reshape(first, [1]), b.scalar(Number.POSITIVE_INFINITY, dy.type));
  return b.reshape(b.sub(b.reshape(x, [elements(x.shape)]), b.cast(never, x.type)), x.shape);
}
