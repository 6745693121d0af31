import { describe, expect, it } from "vitest";
import { axisOf, GraphBuilder, leavesFor, nodesFor, parametersFor, type Value } from "./index.js";

describe("nodesFor", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2]);
  const w = b.parameter("w", [2]);
  const middle = b.mul(x, w);
  const left = b.exp(middle);
  const right = b.neg(middle);
  const sum = b.add(left, right);
  const names = (...values: Value[]): string[] => nodesFor(values).map(({ name }) => name);

  it("gives each needed node once, after what it needs, and none that nothing needs", () => {
    expect(names(sum)).toEqual(["Mul", "Exp", "Neg", "Add"]);
    expect(names(right)).toEqual(["Mul", "Neg"]);
    expect(names(right, sum)).toEqual(["Mul", "Neg", "Exp", "Add"]);
    expect(names(x, w)).toEqual([]);
  });

  it("stops at values that are known", () => {
    expect(nodesFor([sum], new Set([left])).map(({ name }) => name)).toEqual(["Mul", "Neg", "Add"]);
    expect(nodesFor([sum], new Set([middle])).map(({ name }) => name)).toEqual(["Exp", "Neg", "Add"]);
    expect(nodesFor([sum], new Set([sum]))).toEqual([]);
  });

  it("walks graphs deeper than JavaScript's stack", () => {
    let deep = x;
    for (let i = 0; i < 50_000; i++) deep = b.neg(deep);
    expect(nodesFor([deep])).toHaveLength(50_000);
  });

  it("knows what values depend on in the end", () => {
    const shifted = b.add(sum, b.scalar(1));
    expect([...leavesFor([shifted])].map(({ name }) => name)).toEqual(["x", "w", "scalar"]);
    expect([...leavesFor([shifted], new Set([left]))].map(({ name }) => name)).toEqual(["x", "w", "Exp", "scalar"]);
    expect(parametersFor([shifted, x])).toEqual([w]);
    expect(parametersFor([x])).toEqual([]);
    expect(parametersFor([w])).toEqual([w]);
  });
});

describe("axisOf", () => {
  it.each([
    [0, 0],
    [3, 3],
    [-1, 3],
    [-4, 0],
  ])("takes %i of rank 4 as %i", (axis, expected) => {
    expect(axisOf(axis, 4, "x")).toBe(expected);
  });

  it.each([4, -5, 0.5, Number.NaN])("refuses %f", (axis) => {
    expect(() => axisOf(axis, 4, 'Softmax "s"')).toThrow(
      `Softmax "s": axis ${axis} does not exist in a tensor of rank 4; give -4..3.`,
    );
  });
});
