import { expect, it } from "vitest";
import type { Attributes } from "../index.js";
import { ints, type Operand, refusal } from "./use.testing.js";

type Case = readonly [operator: string, operands: readonly Operand[], attributes: Attributes, message: string];

const CASES: readonly Case[] = [
  [
    "ReduceSum",
    [[2, 3], ints(2)],
    {},
    'ShapeError: ReduceSum "ReduceSum": axis 2 does not exist in a tensor of rank 2; give -2..1.',
  ],
  [
    "ReduceMean",
    [[2, 3], ints(0, -3)],
    {},
    'ShapeError: ReduceMean "ReduceMean": axis -3 does not exist in a tensor of rank 2; give -2..1.',
  ],
  [
    "ReduceMean",
    [[2, 3]],
    { axes: [1] },
    'UnsupportedOperatorError: ReduceMean "ReduceMean": attribute "axes" is not supported. Supported: keepdims, noop_with_empty_axes.',
  ],
  [
    "ReduceMax",
    [[2, 3], { type: "int64", shape: [1] }],
    {},
    'UnsupportedOperatorError: ReduceMax "ReduceMax": input 1 is computed by the graph; only constants are supported there, since every shape must be known.',
  ],
  [
    "ReduceSum",
    [[2, 3], ints()],
    { noop_with_empty_axes: 1 },
    'UnsupportedOperatorError: ReduceSum "ReduceSum": noop_with_empty_axes without axes reduces nothing; leave the operator out.',
  ],
  [
    "ArgMax",
    [[2, 3]],
    { axis: -3 },
    'ShapeError: ArgMax "ArgMax": axis -3 does not exist in a tensor of rank 2; give -2..1.',
  ],
];

it.each(CASES)("%s of %j with %j is refused", (operator, operands, attributes, message) => {
  expect(refusal(operator, operands, attributes)).toBe(message);
});
