import { UnsupportedOperatorError } from "../errors.js";
import { axisOf, constantData, type Node } from "../onnx/index.js";
import { parts, type Rule, unbroadcast } from "./rule.js";

const ints = (node: Node, i: number): number[] | null => {
  const input = node.inputs[i];
  const data = input ? constantData(input) : null;
  return data === null ? null : Array.from(data as ArrayLike<number | bigint>, Number);
};

/** dx where only the shape changed. */
const reshape: Rule = (b, node, dys) => {
  const { x, dy } = parts(node, dys);
  return [b.reshape(dy, x.shape), ...node.inputs.slice(1).map(() => null)];
};

/** Rules of the operators that move, copy, cut or join elements. */
export const LAYOUT_RULES: Readonly<Record<string, Rule>> = {
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Transpose: (b, node, dys) => {
    const { x, dy } = parts(node, dys);
    const perm = (node.attributes.perm as readonly number[] | undefined) ?? [...x.shape.keys()].reverse();
    return [
      b.transpose(
        dy,
        [...perm.keys()].map((axis) => perm.indexOf(axis)),
      ),
    ];
  },
  Expand: (b, node, dys) => {
    const { x, dy } = parts(node, dys);
    return [unbroadcast(b, dy, x.shape), null];
  },
  Concat: (b, node, dys, wanted) => {
    const dy = dys[0]!;
    const axis = axisOf(Number(node.attributes.axis), dy.shape.length, node.op);
    let start = 0;
    return node.inputs.map((input, i) => {
      const end = start + input!.shape[axis]!;
      const part = wanted[i] ? b.slice(dy, { axes: [axis], starts: [start], ends: [end] }) : null;
      start = end;
      return part;
    });
  },
  Pad: (b, node, dys) => {
    const { x, dy } = parts(node, dys);
    if ((node.attributes.mode ?? "constant") !== "constant") {
      throw new UnsupportedOperatorError(
        `Pad "${node.name}": mode "${node.attributes.mode}" has no gradient rule; only "constant" has.`,
      );
    }
    const pads = ints(node, 1)!;
    const axes = ints(node, 3)?.map((axis) => axisOf(axis, x.shape.length, node.op)) ?? [...x.shape.keys()];
    // A negative pad cuts, which only padding undoes.
    if (pads.some((n) => n < 0)) {
      const around = x.shape.flatMap(() => [0, 0]);
      axes.forEach((axis, i) => {
        around[axis] = -pads[i]!;
        around[axis + x.shape.length] = -pads[i + axes.length]!;
      });
      return [b.pad(dy, around), null, null];
    }
    const starts = axes.map((_, i) => pads[i]!);
    return [b.slice(dy, { axes, starts, ends: axes.map((axis, i) => starts[i]! + x.shape[axis]!) }), null, null];
  },
  /** Puts dy back where it was taken from, zeros elsewhere; steps other than 1 have no rule. */
  Slice: (b, node, dys) => {
    const { x, dy } = parts(node, dys);
    const starts = ints(node, 1)!;
    const axes = ints(node, 3)?.map((axis) => axisOf(axis, x.shape.length, node.op)) ?? [...starts.keys()];
    if (ints(node, 4)?.some((step) => step !== 1)) {
      throw new UnsupportedOperatorError(`Slice "${node.name}": steps other than 1 have no gradient rule.`);
    }
    const begins = x.shape.map((n, axis) => {
      const start = starts[axes.indexOf(axis)] ?? 0;
      return Math.min(start < 0 ? Math.max(start + n, 0) : start, n);
    });
    return [
      b.pad(dy, [...begins, ...x.shape.map((n, axis) => n - begins[axis]! - dy.shape[axis]!)]),
      null,
      null,
      null,
      null,
    ];
  },
};
