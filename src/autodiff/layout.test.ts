import { describe, expect, it } from "vitest";
import { UnsupportedOperatorError } from "../errors.js";
import { GraphBuilder, type Value } from "../onnx/index.js";
import { type Case, checkRules } from "./check.testing.js";
import { gradients } from "./gradients.js";
import { LAYOUT_RULES } from "./layout.js";

/** What moves elements is linear: differences of what ONNX Runtime computes are exact but for rounding. */
const move = (name: string, shapes: readonly (readonly number[])[], build: Case["build"]): Case => ({
  name,
  operands: shapes.map((shape) => ({ shape })),
  build,
  step: 1,
  tolerance: 1e-5,
});

const pad = (name: string, pads: number[], axes?: number[]): Case =>
  move(
    `Pad ${name}`,
    [[3, 4]],
    (b, [x]) => b.op("Pad", [x!, b.ints(pads), b.scalar(0.5), ...(axes ? [b.ints(axes)] : [])])[0]!,
  );

const CASES: Case[] = [
  move("Reshape", [[2, 6]], (b, [x]) => b.reshape(x!, [3, 4])),
  move("Reshape with a dimension copied and one left open", [[2, 6]], (b, [x]) => b.reshape(x!, [0, 3, -1])),
  move("Flatten", [[2, 3, 2]], (b, [x]) => b.op("Flatten", [x!])[0]!),
  move("Flatten to one row", [[2, 3]], (b, [x]) => b.op("Flatten", [x!], { axis: 0 })[0]!),
  move("Squeeze", [[2, 1, 3]], (b, [x]) => b.op("Squeeze", [x!, b.ints([1])])[0]!),
  move("Squeeze of all ones", [[1, 2, 1]], (b, [x]) => b.op("Squeeze", [x!])[0]!),
  move("Unsqueeze", [[2, 3]], (b, [x]) => b.op("Unsqueeze", [x!, b.ints([1, -1])])[0]!),
  move("Transpose", [[2, 3, 4]], (b, [x]) => b.transpose(x!, [2, 0, 1])),
  move("Transpose without perm", [[2, 3, 4]], (b, [x]) => b.op("Transpose", [x!])[0]!),
  move("Expand", [[3, 1]], (b, [x]) => b.expand(x!, [2, 3, 4])),
  move("Expand of a scalar", [[]], (b, [x]) => b.expand(x!, [2, 3])),
  move("Expand that stretches nothing along one axis", [[2, 1]], (b, [x]) => b.expand(x!, [1, 3])),
  {
    ...move("Concat, one operand fixed", [], (b, xs) => b.concat(xs, 1)),
    operands: [{ shape: [2, 3] }, { shape: [2, 2], fixed: true }, { shape: [2, 1] }],
  },
  move(
    "Concat along the last axis, one operand twice",
    [
      [2, 3],
      [2, 1],
    ],
    (b, [x, w]) => b.concat([x!, w!, x!], -1),
  ),
  pad("on all sides", [1, 2, 3, 1]),
  pad("at the end only", [0, 0, 1, 2]),
  pad("of a named axis", [1, 2], [-1]),
  pad("that cuts", [-1, 0, 0, -2]),
  pad("that cuts at one side and adds at the other", [-1, 2, 1, -1]),
  pad("of a named axis that cuts", [-1, 1], [1]),
  move("Slice of two axes", [[3, 7]], (b, [x]) => b.slice(x!, { axes: [1, 0], starts: [1, -3], ends: [6, 2] })),
  move("Slice with bounds beyond the ends", [[3, 4]], (b, [x]) =>
    b.slice(x!, { axes: [0, -1], starts: [-9, 2], ends: [2, 99] }),
  ),
  move("Slice without axes", [[3, 4]], (b, [x]) => b.op("Slice", [x!, b.ints([1]), b.ints([-1])])[0]!),
];

describe("rules of operators that move elements, against differences", () => {
  checkRules(LAYOUT_RULES, CASES);
});

describe("what moving elements refuses", () => {
  const attempt = (build: (b: GraphBuilder, x: Value) => Value) => (): unknown => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [4, 4]);
    return gradients(b, b.reduceSum(build(b, x), { axes: [0, 1] }), [x]);
  };

  it("a Slice with steps", () => {
    const make = attempt((b, x) => b.slice(x, { axes: [1], starts: [0], ends: [4], steps: [2] }));
    expect(make).toThrow(UnsupportedOperatorError);
    expect(make).toThrow('Slice "Slice": steps other than 1 have no gradient rule.');
  });

  it("a Pad that mirrors", () => {
    const make = attempt((b, x) => b.op("Pad", [x, b.ints([1, 1, 1, 1])], { mode: "reflect" })[0]!);
    expect(make).toThrow(UnsupportedOperatorError);
    expect(make).toThrow('Pad "Pad": mode "reflect" has no gradient rule; only "constant" has.');
  });
});
