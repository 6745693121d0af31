import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { run } from "../engine.testing.js";
import { RequestError } from "../errors.js";
import { openSession } from "../runtime/index.js";
import { type Graph, GraphBuilder, parseModel, serialize } from "./index.js";
import { ModelProtoSchema } from "./proto/onnx_pb.js";

const nothing = (): Float32Array => new Float32Array(0);

/** y = x w + v, with its operands. */
function affine() {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2, 2]);
  const [w, v] = [b.parameter("w", [2, 2]), b.parameter("v", [2])];
  const graph: Graph = { name: "affine", inputs: [x], outputs: { y: b.add(b.matmul(x, w), v) } };
  return { b, x, w, v, graph };
}
const x = Float32Array.of(1, 2, 3, 4);
const w = Float32Array.of(1, 0, 0, -1);
const v = Float32Array.of(10, 20);
const y = Float32Array.of(11, 18, 13, 16);

describe("serialize", () => {
  it("binds parameters to data in the model", async () => {
    const { graph } = affine();
    const model = serialize(graph, { bind: ({ name }) => ({ kind: "data", data: name === "w" ? w : v }) });
    const session = await openSession({ model }, { where: "here", threads: 1 });
    expect(Object.keys(session.inputs)).toEqual(["x"]);
    expect(await session.run({ x })).toEqual({ y });
    await session.dispose();
  });

  it("binds views into larger arrays", async () => {
    const all = Float32Array.of(99, ...w, ...v, 99);
    const bind = ({ name }: { name: string }) =>
      ({ kind: "data", data: name === "w" ? all.subarray(1, 5) : all.subarray(5, 7) }) as const;
    const session = await openSession({ model: serialize(affine().graph, { bind }) }, { where: "here", threads: 1 });
    expect(await session.run({ x })).toEqual({ y });
    await session.dispose();
  });

  it("binds parameters to inputs unless told otherwise, after the graph's own", async () => {
    const session = await openSession({ model: serialize(affine().graph) }, { where: "here", threads: 1 });
    expect(session.inputs).toEqual({ x: [2, 2], w: [2, 2], v: [2] });
    expect(await session.run({ x, w, v })).toEqual({ y });
    await session.dispose();
  });

  it("binds parameters to their places in a file", async () => {
    const file = new Uint8Array(256).fill(7);
    file.set(new Uint8Array(w.buffer), 64);
    file.set(new Uint8Array(v.buffer), 192);
    const model = serialize(affine().graph, {
      bind: ({ name }) => ({
        kind: "file",
        location: "weights.bin",
        offset: name === "w" ? 64 : 192,
        length: name === "w" ? 16 : 8,
      }),
    });
    const session = await openSession(
      { model, external: [{ path: "weights.bin", data: file }] },
      { where: "here", threads: 1 },
    );
    expect(await session.run({ x })).toEqual({ y });
    await session.dispose();
  });

  it("gives outputs that are an input, a parameter, a constant, or one value twice", async () => {
    const { b, x: input, w: weight, graph } = affine();
    const outputs = { ...graph.outputs, again: graph.outputs.y!, same: input, weight, one: b.scalar(1) };
    expect(await run({ ...graph, outputs }, ({ name }) => (name === "w" ? w : v), { x })).toEqual({
      y,
      again: y,
      same: x,
      weight: w,
      one: Float32Array.of(1),
    });
  });

  it("hands an input on under its own name", async () => {
    const { x: input, graph } = affine();
    expect(await run({ ...graph, outputs: { x: input } }, nothing, { x })).toEqual({ x });
  });

  it("renames what is inside where an output wants its name", async () => {
    const b = new GraphBuilder();
    const input = b.input("x", "float32", [4]);
    const inner = b.neg(input);
    const graph = { name: "g", inputs: [input], outputs: { Neg: b.exp(inner), Exp: inner, scalar: b.scale(inner, 2) } };
    const out = await run(graph, nothing, { x });
    expect(out).toEqual({ Neg: x.map((n) => Math.exp(-n)), Exp: x.map((n) => -n), scalar: x.map((n) => -2 * n) });
  });

  it("takes values of several builders, whose names may be the same", async () => {
    const [first, second] = [new GraphBuilder(), new GraphBuilder()];
    const input = first.input("x", "float32", [4]);
    const outputs = { y: second.neg(second.scale(first.neg(first.scale(input, 2)), 3)) };
    expect(await run({ name: "g", inputs: [input], outputs }, nothing, { x })).toEqual({ y: x.map((n) => 6 * n) });
  });

  it("leaves out nodes and parameters that no output needs, and keeps inputs that none does", () => {
    const { b, x: input, graph } = affine();
    b.exp(b.mul(input, b.parameter("unused", [2, 2])));
    const idle = b.input("idle", "uint8", [3]);
    const proto = fromBinary(ModelProtoSchema, serialize({ ...graph, inputs: [input, idle] })).graph!;
    expect(proto.node.map(({ opType }) => opType)).toEqual(["MatMul", "Add"]);
    expect(proto.input.map(({ name }) => name)).toEqual(["x", "idle", "w", "v"]);
  });

  it("is the same bytes each time, with its metadata", () => {
    const metadata = { classes: '["a","b"]', note: "ü" };
    const [once, again] = [serialize(affine().graph, { metadata }), serialize(affine().graph, { metadata })];
    expect(Buffer.compare(once, again)).toBe(0);
    expect(parseModel(once).metadata).toEqual(metadata);
  });

  it.each([
    [
      "data that do not fill a parameter",
      () => serialize(affine().graph, { bind: () => ({ kind: "data", data: new Float32Array(3) }) }),
      'parameter "w" [2, 2] was bound to 3 elements; 4 are needed.',
    ],
    [
      "an input that the graph does not list",
      () => serialize({ ...affine().graph, inputs: [] }),
      'graph "affine" needs the input "x", which it does not list.',
    ],
    [
      "two inputs of one name",
      () => {
        const { x: input, graph } = affine();
        return serialize({ ...graph, inputs: [input, new GraphBuilder().input("x", "float32", [1])] });
      },
      'graph "affine" has two inputs or parameters "x"; rename one.',
    ],
    [
      "an output by the name of another value that is fed",
      () => {
        const { graph } = affine();
        return serialize({ ...graph, outputs: { w: graph.outputs.y! } });
      },
      'output "w" of graph "affine" has the name of an input; rename one.',
    ],
  ])("refuses %s", (_, write, message) => {
    expect(write).toThrow(new RequestError(message));
  });
});
