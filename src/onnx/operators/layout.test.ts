import { expect, it } from "vitest";
import type { Attributes } from "../index.js";
import { ints, type Operand, refusal } from "./use.testing.js";

type Case = readonly [operator: string, operands: readonly Operand[], attributes: Attributes, message: string];

const CASES: readonly Case[] = [
  ["Cast", [[2]], { to: 16 }, 'UnsupportedOperatorError: Cast "Cast": ONNX\'s element type 16 is not supported.'],
  [
    "Concat",
    [
      [2, 3],
      [3, 3],
    ],
    { axis: 1 },
    'ShapeError: Concat "Concat" of [2, 3], [3, 3]: input 1 differs outside axis 1.',
  ],
  ["Concat", [[2, 3], [2]], { axis: 1 }, 'ShapeError: Concat "Concat" of [2, 3], [2]: input 1 differs outside axis 1.'],
  [
    "Concat",
    [[2, 3], { type: "uint8", shape: [2, 3] }],
    { axis: 1 },
    'ShapeError: Concat "Concat" of [2, 3], [2, 3]: input 1 is uint8, not float32; cast it.',
  ],
  [
    "Concat",
    [[2, 3]],
    { axis: 2 },
    'ShapeError: Concat "Concat": axis 2 does not exist in a tensor of rank 2; give -2..1.',
  ],
  [
    "DepthToSpace",
    [[1, 6, 2, 2]],
    { blocksize: 2 },
    'ShapeError: DepthToSpace "DepthToSpace" of [1, 6, 2, 2]: the channels must be a multiple of 2².',
  ],
  [
    "DepthToSpace",
    [[1, 4, 2, 2]],
    {},
    'ShapeError: DepthToSpace "DepthToSpace" of [1, 4, 2, 2]: blocksize is 0; give 1 or more.',
  ],
  [
    "Expand",
    [[2, 3], ints(4)],
    {},
    'ShapeError: Expand "Expand" of [2, 3], [1]: 3 and 4 do not broadcast along axis -1.',
  ],
  ["Flatten", [[2, 3]], { axis: 3 }, 'ShapeError: Flatten "Flatten" of [2, 3]: axis 3 is no place to cut; give -2..2.'],
  [
    "Gather",
    [[2, 3], [1]],
    {},
    'ShapeError: Gather "Gather" of [2, 3], [1]: the indices are float32; cast them to int64.',
  ],
  [
    "Gather",
    [[2, 3], { type: "int64", shape: [1] }],
    { axis: 2 },
    'ShapeError: Gather "Gather": axis 2 does not exist in a tensor of rank 2; give -2..1.',
  ],
  [
    "Pad",
    [[2, 3], ints(1, 1)],
    {},
    'ShapeError: Pad "Pad" of [2, 3], [2]: 2 pads do not fit 2 axes; give begins, then ends.',
  ],
  [
    "Pad",
    [[2, 3], ints(-1, 0, -2, 0)],
    {},
    'ShapeError: Pad "Pad" of [2, 3], [4]: -1 and -2 cut more than axis 0 has.',
  ],
  ["Reshape", [[2, 3], ints(4, 2)], {}, 'ShapeError: Reshape "Reshape" of [2, 3], [2]: 6 elements do not fill [4, 2].'],
  [
    "Reshape",
    [[2, 3], ints(4, -1)],
    {},
    'ShapeError: Reshape "Reshape" of [2, 3], [2]: 6 elements do not fill [4, -1].',
  ],
  [
    "Reshape",
    [[2, 3], ints(-1, -1)],
    {},
    'ShapeError: Reshape "Reshape" of [2, 3], [2]: 6 elements do not fill [-1, -1].',
  ],
  [
    "Reshape",
    [[2, 3], ints(6, 1, 0)],
    {},
    'ShapeError: Reshape "Reshape" of [2, 3], [3]: 0 at axis 2 has nothing to copy.',
  ],
  [
    "Reshape",
    [[2, 3], ints(0, 3)],
    { allowzero: 1 },
    'UnsupportedOperatorError: Reshape "Reshape": a 0 in the shape with allowzero asks for an empty tensor, which is not supported.',
  ],
  [
    "Reshape",
    [[2, 3], { type: "int64", shape: [2] }],
    {},
    'UnsupportedOperatorError: Reshape "Reshape": input 1 is computed by the graph; only constants are supported there, since every shape must be known.',
  ],
  [
    "Slice",
    [[5], ints(0), ints(3), ints(1)],
    {},
    'ShapeError: Slice "Slice": axis 1 does not exist in a tensor of rank 1; give -1..0.',
  ],
  [
    "Slice",
    [[5], ints(0), ints(3), ints(0), ints(0)],
    {},
    'ShapeError: Slice "Slice" of [5], [1], [1], [1], [1]: a step is 0; give 1 or more, or -1 or less to run backwards.',
  ],
  [
    "Slice",
    [[5], ints(0, 1), ints(3), ints(0)],
    {},
    'ShapeError: Slice "Slice" of [5], [2], [1], [1]: 2 starts, 1 ends, 1 axes and 2 steps do not go together.',
  ],
  [
    "Slice",
    [[5], ints(0, 1), ints(3, 2)],
    {},
    'ShapeError: Slice "Slice" of [5], [2], [2]: 2 starts, 2 ends, 2 axes and 2 steps do not go together.',
  ],
  [
    "Slice",
    [[5, 5], ints(0, 1), ints(3, 2), ints(0, -2)],
    {},
    'ShapeError: Slice "Slice" of [5, 5], [2], [2], [2]: the axes 0, 0 name one twice.',
  ],
  ["Squeeze", [[2, 1], ints(0)], {}, 'ShapeError: Squeeze "Squeeze" of [2, 1], [1]: axis 0 has 2 elements, not 1.'],
  [
    "Transpose",
    [[2, 3]],
    { perm: [0, 0] },
    'ShapeError: Transpose "Transpose" of [2, 3]: perm [0, 0] is no permutation of its axes.',
  ],
  [
    "Transpose",
    [[2, 3]],
    { perm: [1] },
    'ShapeError: Transpose "Transpose" of [2, 3]: perm [1] is no permutation of its axes.',
  ],
  [
    "Unsqueeze",
    [[2, 3], ints(0, 0)],
    {},
    'ShapeError: Unsqueeze "Unsqueeze" of [2, 3], [2]: the axes 0, 0 name one twice.',
  ],
  [
    "Unsqueeze",
    [[2, 3], ints(4)],
    {},
    'ShapeError: Unsqueeze "Unsqueeze": axis 4 does not exist in a tensor of rank 3; give -3..2.',
  ],
];

it.each(CASES)("%s of %j with %j is refused", (operator, operands, attributes, message) => {
  expect(refusal(operator, operands, attributes)).toBe(message);
});
