import { describe } from "vitest";
import type { GraphBuilder, Value } from "../onnx/index.js";
import { type Case, checkRules } from "./check.testing.js";
import { REDUCTION_RULES } from "./reduce.js";
import * as reference from "./references.testing.js";

const SHAPE = [2, 3, 4];
const sum = (values: number[]): number => values.reduce((a, v) => a + v, 0);

const REDUCED = {
  ReduceSum: sum,
  ReduceMean: (values: number[]) => sum(values) / values.length,
  ReduceMax: (values: number[]) => Math.max(...values),
  ReduceMin: (values: number[]) => Math.min(...values),
};

/** A reduction along `axes`; of everything if they are null or empty. */
const reduction = (op: keyof typeof REDUCED, axes: number[] | null, keepdims: number): Case => ({
  name: `${op} along ${axes ? `[${axes}]` : "all axes"}${keepdims ? ", kept" : ""}`,
  // No two values are closer than 0.5, so that no step changes which one is the largest.
  operands: [{ shape: SHAPE, values: (u, i) => 0.1 * u + ((i * 7) % 24) }],
  build: (b: GraphBuilder, [x]: Value[]) => b.op(op, axes ? [x!, b.ints(axes)] : [x!], { keepdims })[0]!,
  reference: ([x]) =>
    reference.reduce(
      x!,
      SHAPE,
      axes?.length ? axes.map((axis) => (axis < 0 ? axis + SHAPE.length : axis)) : [0, 1, 2],
      REDUCED[op],
    ),
});

const CASES: Case[] = [
  ...(Object.keys(REDUCED) as (keyof typeof REDUCED)[]).flatMap((op) => [
    reduction(op, [1], 0),
    reduction(op, [0, 2], 1),
    reduction(op, [-1], 0),
    reduction(op, [0, 1, 2], 0),
    reduction(op, [], 0),
    reduction(op, null, 1),
  ]),
  ...["ReduceMax", "ReduceMin"].map(
    (op): Case => ({
      name: `${op} of equal values, whose shares make a whole`,
      operands: [{ shape: [2, 1] }],
      build: (b, [x]) => b.op(op, [b.expand(x!, [2, 3]), b.ints([1])])[0]!,
      reference: ([x]) => Array.from(x!),
    }),
  ),
  ...[
    [2, 3, 3, 5],
    [1, 2, 1, 1],
  ].map(
    (shape): Case => ({
      name: `GlobalAveragePool of [${shape}]`,
      operands: [{ shape }],
      build: (b, [x]) => b.globalAveragePool(x!),
      reference: ([x]) => reference.reduce(x!, shape, [2, 3], REDUCED.ReduceMean),
    }),
  ),
];

describe("rules of reductions, against central differences", () => {
  checkRules(REDUCTION_RULES, CASES);
});
