import { expect, it } from "vitest";
import { GraphBuilder, nodesFor, printGraph, type Value } from "../onnx/index.js";
import { openSession, packed } from "../runtime/index.js";
import { gradients } from "./index.js";

/** Two layers of swish on [4, 6], the second with a branch around it. */
function network() {
  const b = new GraphBuilder();
  const layer = (v: Value, w: Value): Value => {
    const z = b.matmul(v, w);
    return b.mul(z, b.sigmoid(z));
  };
  const [x, w1, w2] = [
    b.input("x", "float32", [4, 6]),
    b.input("w1", "float32", [6, 6]),
    b.input("w2", "float32", [6, 6]),
  ];
  const first = layer(x, w1);
  const second = b.add(layer(first, w2), first);
  const loss = b.reduceSum(b.mul(second, second), { axes: [0, 1] });
  const segments = [
    { input: x, output: first },
    { input: first, output: second },
  ];
  return { b, inputs: [x, w1, w2], segments, loss, second };
}

const ops = (values: Value[], op: string): number => nodesFor(values).filter((node) => node.op === op).length;

it("an inner value is made again from the input and the cotangent, and the same number comes out", async () => {
  const { b, inputs, segments, loss } = network();
  const kept = gradients(b, loss, inputs);
  const again = gradients(b, loss, inputs, undefined, segments);
  expect(ops([loss, ...kept], "Sigmoid")).toBe(2);
  expect(ops([loss, ...again], "Sigmoid")).toBe(4);
  const outputs = Object.fromEntries([
    ...kept.map((value, i) => [`kept${i}`, value]),
    ...again.map((value, i) => [`again${i}`, value]),
  ]);
  const session = await openSession(
    packed({ name: "both", inputs, outputs }, () => new Float32Array(0)),
    { where: "here" },
  );
  const fed = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + seed));
  const results = await session.run({ x: fed(24, 0), w1: fed(36, 1), w2: fed(36, 2) });
  await session.dispose();
  inputs.forEach((_, i) => {
    expect(results[`again${i}`]).toEqual(results[`kept${i}`]);
  });
});

it("the second computation waits for the cotangent of what it makes", () => {
  const { b, inputs, segments, loss, second } = network();
  const [, , dw2] = gradients(b, loss, inputs, undefined, [segments[1]!]);
  expect(printGraph({ name: "dw2", inputs: [...inputs, second], outputs: { dw2: dw2! } })).toMatchInlineSnapshot(`
    "%0 = MatMul(x, w1) [4, 6]
    %1 = Sigmoid(%0) [4, 6]
    %2 = Mul(%0, %1) [4, 6]
    %3 = Reshape(%2, [24]) [24]
    %4 = Reshape(1, [1, 1]) [1, 1]
    %5 = Expand(%4, [4, 6]) [4, 6]
    %6 = MatMul(%2, w2) [4, 6]
    %7 = Sigmoid(%6) [4, 6]
    %8 = Mul(%6, %7) [4, 6]
    %9 = Add(%8, %2) [4, 6]
    %10 = Mul(%5, %9) [4, 6]
    %11 = Add(%10, %10) [4, 6]
    %12 = Slice(%11, [0, 0], [1, 1], [0, 1], [1, 1]) [1, 1]
    %13 = Reshape(%12, [1]) [1]
    %14 = Greater(%13, Infinity) [1]
    %15 = Cast(%14) {to: 1} [1]
    %16 = Sub(%3, %15) [24]
    %17 = Reshape(%16, [4, 6]) [4, 6]
    %18 = Transpose(%17) {perm: [1,0]} [6, 4]
    %19 = MatMul(%17, w2) [4, 6]
    %20 = Sigmoid(%19) [4, 6]
    %21 = Mul(%19, %20) [4, 6]
    %22 = Mul(%21, %20) [4, 6]
    %23 = Sub(%21, %22) [4, 6]
    %24 = Add(%20, %23) [4, 6]
    %25 = Mul(%11, %24) [4, 6]
    %26 = MatMul(%18, %25) [6, 6]
    dw2 = %26"
  `);
});

it("values of a segment that are asked for keep a gradient of their own", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [3]);
  const gate = b.sigmoid(x);
  const output = b.mul(x, gate);
  const segments = [{ input: x, output }];
  const [dx, dgate] = gradients(b, b.reduceSum(output, { axes: [0] }), [x, gate], undefined, segments);
  // Not as one with what it gates: dgate = dy x.
  expect(ops([dgate!], "Mul")).toBe(1);
  expect(ops([dx!], "Sigmoid")).toBe(1);
});
