import { describe, expect, it } from "vitest";
import { run } from "../engine.testing.js";
import { ShapeError, UnsupportedOperatorError } from "../errors.js";
import { constantData, GraphBuilder, nodesFor, printGraph } from "./index.js";

describe("GraphBuilder", () => {
  it("gives the same value for the same operator on the same operands, and another for any difference", () => {
    const b = new GraphBuilder();
    const [x, y] = [b.input("x", "float32", [2, 2]), b.input("y", "float32", [2, 2])];
    expect(b.add(x, y)).toBe(b.add(x, y));
    expect(b.add(x, y)).not.toBe(b.add(y, x));
    expect(b.softmax(x, 0)).not.toBe(b.softmax(x, 1));
    expect(b.exp(b.add(x, y))).toBe(b.exp(b.add(x, y)));
    expect(nodesFor([b.mul(b.exp(x), b.exp(x))])).toHaveLength(2);
    // Equal shapes and names do not make two inputs one.
    expect(b.exp(x)).not.toBe(b.exp(y));
  });

  it("shares small constants that are equal in type, shape and every bit", () => {
    const b = new GraphBuilder();
    expect(b.scalar(2)).toBe(b.scalar(2));
    expect(b.ints([1, 2])).toBe(b.ints([1, 2]));
    expect(b.scalar(2)).not.toBe(b.scalar(2, "int64"));
    expect(b.scalar(0)).not.toBe(b.scalar(-0));
    expect(b.constant(Float32Array.of(1, 2), "float32", [2])).not.toBe(
      b.constant(Float32Array.of(1, 2), "float32", [1, 2]),
    );
  });

  it("names every value once, below the scopes it was made in", () => {
    const b = new GraphBuilder(["taken"]);
    const x = b.input("x", "float32", [2]);
    expect(b.input("x", "float32", [2]).name).toBe("x_1");
    expect(b.parameter("taken", [2]).name).toBe("taken_1");
    const inside = b.scope("block", () => b.scope("se", () => b.exp(x)));
    expect(inside.name).toBe("block/se/Exp");
    expect(b.exp(inside).name).toBe("Exp");
    expect(b.exp(b.exp(inside)).name).toBe("Exp_1");
  });

  it("leaves a scope that failed", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2]);
    expect(() => b.scope("broken", () => b.reshape(x, [3]))).toThrow('Reshape "broken/Reshape" of [2], [1]');
    expect(b.exp(x).name).toBe("Exp");
  });

  it("adds nothing for what changes nothing", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2, 3]);
    for (const same of [
      b.reshape(x, [2, 3]),
      b.expand(x, [2, 3]),
      b.transpose(x, [0, 1]),
      b.concat([x], 0),
      b.cast(x, "float32"),
      b.pad(x, [0, 0, 0, 0]),
      b.slice(x, { axes: [0, 1], starts: [0, 0], ends: [2, 99] }),
      b.reduceSum(x, { axes: [] }),
      b.scale(x, 1),
    ])
      expect(same).toBe(x);
  });

  it("scales on a vector where the last axis is 1", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2, 3, 1]);
    expect(printGraph({ name: "g", inputs: [x], outputs: { y: b.scale(x, 0.5) } })).toMatchInlineSnapshot(`
      "%0 = Reshape(x, [6]) [6]
      %1 = Mul(%0, 0.5) [6]
      %2 = Reshape(%1, [2, 3, 1]) [2, 3, 1]
      y = %2"
    `);
  });

  it("gives scalars of the other operand's type, float16 by the engine's own rounding", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2]);
    const half = b.cast(b.scale(b.cast(x, "float16"), 0.1), "float32");
    const double = b.cast(b.scale(b.cast(x, "float64"), 0.1), "float32");
    const graph = { name: "g", inputs: [x], outputs: { half, double } };
    const found = await run(graph, () => new Float32Array(0), { x: Float32Array.of(1, 2) });
    // The float16 nearest to 0.1, and its double.
    expect([...found.half!]).toEqual([0.0999755859375, 0.199951171875]);
    expect([...found.double!]).toEqual([0.1, 0.2].map(Math.fround));
  });

  it("hands a training BatchNormalization copies of the statistics, which the engine overwrites", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2, 3, 4, 4]);
    const [w, s, m, v] = ["w", "s", "m", "v"].map((name) => b.parameter(name, [3]));
    const { y, mean } = b.batchNormalizationTraining(x, w!, s!, m!, v!, 1e-3);
    expect(printGraph({ name: "g", inputs: [x], outputs: { y, mean } })).toMatchInlineSnapshot(`
      "%0 = Neg(m) [3]
      %1 = Neg(v) [3]
      %2, %3, %4 = BatchNormalization(x, w, s, %0, %1) {epsilon: 0.001, momentum: 0, training_mode: 1} [2, 3, 4, 4] [3] [3]
      y = %2
      mean = %3"
    `);
  });

  it("refuses constants that do not fill their shape, and operators that it does not know", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [2]);
    expect(() => b.constant(new Float32Array(3), "float32", [2, 2], "mean")).toThrow(
      new ShapeError('constant "mean": 3 elements do not fill [2, 2].'),
    );
    for (const op of ["Frobnicate", "constructor"]) {
      expect(() => b.op(op, [x], {}, "n")).toThrow(UnsupportedOperatorError);
      expect(() => b.op(op, [x], {}, "n")).toThrow(`operator "${op}" of node "n" is not supported. Supported: Abs, `);
    }
  });
});

it("keeps int64's bounds, which numbers round away from zero, and refuses fractions", () => {
  const b = new GraphBuilder();
  expect(constantData(b.ints([2 ** 63, -(2 ** 63)]))).toEqual(BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n)));
  expect(() => b.ints([1, 0.5])).toThrow("[1, 0.5] are no shape, axes, bounds or pads; whole numbers are needed.");
});
