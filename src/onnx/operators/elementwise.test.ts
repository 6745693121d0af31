import { expect, it } from "vitest";
import type { Attributes } from "../index.js";
import { type Operand, refusal } from "./use.testing.js";

type Case = readonly [operator: string, operands: readonly Operand[], attributes: Attributes, message: string];

const CASES: readonly Case[] = [
  ["Add", [[2, 3], [2]], {}, 'ShapeError: Add "Add" of [2, 3], [2]: 3 and 2 do not broadcast along axis -1.'],
  [
    "Mul",
    [
      [2, 3, 4],
      [3, 3, 1],
    ],
    {},
    'ShapeError: Mul "Mul" of [2, 3, 4], [3, 3, 1]: 2 and 3 do not broadcast along axis -3.',
  ],
  [
    "Add",
    [[2], { type: "int64", shape: [2] }],
    {},
    'ShapeError: Add "Add" of [2], [2]: operands are float32 and int64; cast one of them.',
  ],
  ["Add", [[2]], {}, 'ShapeError: Add "Add" of [2]: input 1 is missing.'],
  ["Add", [[2], null], {}, 'ShapeError: Add "Add" of [2], none: input 1 is missing.'],
  ["Max", [[2], [2], [3]], {}, 'ShapeError: Max "Max" of [2], [2], [3]: 2 and 3 do not broadcast along axis -1.'],
  ["Max", [], {}, 'ShapeError: Max "Max" of : input 0 is missing.'],
  ["And", [[2], [2]], {}, 'ShapeError: And "And" of [2], [2]: operands are float32, not bool.'],
  ["Not", [[2]], {}, 'ShapeError: Not "Not" of [2]: operands are float32, not bool.'],
  ["Where", [[2], [2], [2]], {}, 'ShapeError: Where "Where" of [2], [2], [2]: the condition is float32, not bool.'],
  [
    "Where",
    [{ type: "bool", shape: [2] }, [2], { type: "int32", shape: [2] }],
    {},
    'ShapeError: Where "Where" of [2], [2], [2]: choices are float32 and int32; cast one of them.',
  ],
  [
    "Softmax",
    [[2, 3]],
    { axis: 2 },
    'ShapeError: Softmax "Softmax": axis 2 does not exist in a tensor of rank 2; give -2..1.',
  ],
  [
    "Relu",
    [[2, 3]],
    { alpha: 1 },
    'UnsupportedOperatorError: Relu "Relu": attribute "alpha" is not supported. Supported: none.',
  ],
  [
    "LeakyRelu",
    [[2, 3]],
    { slope: 1 },
    'UnsupportedOperatorError: LeakyRelu "LeakyRelu": attribute "slope" is not supported. Supported: alpha.',
  ],
];

it.each(CASES)("%s of %j with %j is refused", (operator, operands, attributes, message) => {
  expect(refusal(operator, operands, attributes)).toBe(message);
});
