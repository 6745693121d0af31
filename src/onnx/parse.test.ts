import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { run } from "../engine.testing.js";
import { RequestError } from "../errors.js";
import { architecture, freshModel, inferenceGraph } from "../models/index.js";
import { foldBatchNorms, GraphBuilder, nodesFor, parseModel, printGraph, serialize, type TypedArray } from "./index.js";
import {
  AttributeProto_AttributeType as Kind,
  NodeProtoSchema,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./proto/onnx_pb.js";
import { edited } from "./proto.testing.js";

const model = freshModel(architecture("tf_efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b", "c"], 1);
const graph = inferenceGraph(model, { resolution: 33, batch: 2 });
const weights = ({ name }: { name: string }): TypedArray => model.tensors.get(name)!.data;
const bytes = serialize(graph, { bind: (p) => ({ kind: "data", data: weights(p) }), metadata: { classes: "a b c" } });
const pixels = Uint8Array.from({ length: 2 * 33 * 33 * 3 }, (_, i) => (i * 31) % 256);

const dataOf =
  ({ bindings }: ReturnType<typeof parseModel>) =>
  ({ name }: { name: string }): TypedArray => {
    const binding = bindings.get(name)!;
    return binding.kind === "data" ? binding.data : new Float32Array(0);
  };

/** y = Relu(x), in which tests put what they need. */
const small = (() => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2, 3]);
  return serialize({ name: "small", inputs: [x], outputs: { y: b.relu(x) } });
})();

const node = (init: MessageInitShape<typeof NodeProtoSchema>) => create(NodeProtoSchema, init);

/** y = Add(x, c), where c is an initializer or what the node `c` gives. */
const withOperand = (
  given: { tensor: MessageInitShape<typeof TensorProtoSchema> } | { node: MessageInitShape<typeof NodeProtoSchema> },
): Uint8Array =>
  edited(small, ({ graph: g }) => {
    const add = node({ opType: "Add", input: ["x", "c"], output: ["y"] });
    if ("tensor" in given) g!.initializer = [create(TensorProtoSchema, { name: "c", ...given.tensor })];
    g!.node = "node" in given ? [node({ output: ["c"], ...given.node }), add] : [add];
  });

/** Gives the first dimension of an input or output a name, or neither name nor number. */
function symbolic(info: ValueInfoProto, symbol: string | null): void {
  const type = info.type!.value;
  if (type.case === "tensorType")
    type.value.shape!.dim[0]!.value = symbol === null ? { case: undefined } : { case: "dimParam", value: symbol };
}

describe("parseModel", () => {
  it("reads what serialize wrote: the same nodes, attributes, constants, parameters and metadata", () => {
    const parsed = parseModel(bytes);
    expect(printGraph(parsed.graph)).toBe(printGraph(graph));
    expect(parsed.graph.inputs.map(({ name, type, shape }) => ({ name, type, shape }))).toEqual([
      { name: "pixels", type: "uint8", shape: [2, 33, 33, 3] },
    ]);
    expect(new Map([...parsed.bindings].map(([name]) => [name, dataOf(parsed)({ name })]))).toEqual(
      new Map([...parsed.bindings].map(([name]) => [name, weights({ name })])),
    );
    expect(parsed.metadata).toEqual({ classes: "a b c" });
    expect(parsed.opset).toBe(18);
  });

  it("keeps the names of nodes, so that a value is found again", () => {
    const names = (of: typeof graph): string[] => nodesFor(Object.values(of.outputs)).map(({ name }) => name);
    expect(names(parseModel(bytes).graph)).toEqual(names(graph));
  });

  it("is stable: written again and read again it has the same bytes", () => {
    const once = parseModel(bytes);
    const again = serialize(once.graph, { bind: ({ name }) => once.bindings.get(name)!, metadata: once.metadata });
    expect(Buffer.compare(again, bytes)).toBe(0);
  });

  it("reads a graph that computes the same, and folds as the original does", async () => {
    const parsed = parseModel(bytes);
    const whole = await run(graph, weights, { pixels });
    expect(await run(parsed.graph, dataOf(parsed), { pixels })).toEqual(whole);
    const folded = foldBatchNorms(parsed.graph, dataOf(parsed)).graph;
    expect(nodesFor(Object.values(folded.outputs)).some(({ op }) => op === "BatchNormalization")).toBe(false);
  });

  it("keeps weights in an external file where they are", () => {
    const external = serialize(graph, {
      bind: (p) => ({ kind: "file", location: "a/weights.bin", offset: 64, length: weights(p).byteLength }),
    });
    expect(parseModel(external).bindings.get("conv_stem.weight")).toEqual({
      kind: "file",
      location: "a/weights.bin",
      offset: 64,
      length: weights({ name: "conv_stem.weight" }).byteLength,
    });
  });

  it("reads a file as Node gives it, whose Buffer is a view into a larger one", () => {
    const pool = Buffer.concat([Buffer.alloc(3, 7), bytes, Buffer.alloc(64, 7)]);
    const parsed = parseModel(pool.subarray(3, 3 + bytes.length));
    expect(dataOf(parsed)({ name: "conv_stem.weight" })).toEqual(weights({ name: "conv_stem.weight" }));
    expect(printGraph(parsed.graph)).toBe(printGraph(graph));
  });

  it("takes an Identity for its operand, whatever it stands before", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [3]);
    const w = b.parameter("w", [3]);
    const y = b.mul(x, w);
    const g = { name: "g", inputs: [x], outputs: { same: x, y, again: y, weight: w, one: b.scalar(1) } };
    const written = serialize(g, { bind: () => ({ kind: "data", data: Float32Array.of(1, 2, 3) }) });
    expect(printGraph(parseModel(written).graph)).toBe(printGraph(g));
  });

  it.each([
    ["bytes", { tensor: { dataType: 1, dims: [3n], rawData: new Uint8Array(Float32Array.of(1, 2, 3).buffer) } }],
    ["listed floats", { tensor: { dataType: 1, dims: [3n], floatData: [1, 2, 3] } }],
  ])("reads a parameter from %s", (_, given) => {
    const parsed = parseModel(withOperand(given));
    expect(printGraph(parsed.graph)).toBe("%0 = Add(x, c) [2, 3]\ny = %0");
    expect(parsed.bindings.get("c")).toEqual({ kind: "data", data: Float32Array.of(1, 2, 3) });
  });

  it.each([
    ["a scalar initializer", { tensor: { dataType: 1, dims: [], floatData: [0.5] } }, "0.5"],
    [
      "a Constant of a tensor",
      {
        node: {
          opType: "Constant",
          attribute: [{ name: "value", type: Kind.TENSOR, t: { dataType: 1, dims: [3n], floatData: [1, 2, 3] } }],
        },
      },
      "[1, 2, 3]",
    ],
    [
      "a Constant of floats",
      { node: { opType: "Constant", attribute: [{ name: "value_floats", type: Kind.FLOATS, floats: [1, 2, 3] }] } },
      "[1, 2, 3]",
    ],
    [
      "a Constant of a float",
      { node: { opType: "Constant", attribute: [{ name: "value_float", type: Kind.FLOAT, f: 2.5 }] } },
      "2.5",
    ],
  ])("reads %s as a constant", (_, given, text) => {
    const parsed = parseModel(withOperand(given as Parameters<typeof withOperand>[0]));
    expect(printGraph(parsed.graph)).toBe(`%0 = Add(x, ${text}) [2, 3]\ny = %0`);
    expect(parsed.bindings.size).toBe(0);
  });

  it.each([
    [6, Int32Array.of(-1, 2), { int32Data: [-1, 2] }],
    [3, Int8Array.of(-1, 2), { int32Data: [-1, 2] }],
    [2, Uint8Array.of(255, 2), { int32Data: [255, 2] }],
    [9, Uint8Array.of(1, 0), { int32Data: [1, 0] }],
    [10, Uint16Array.of(0x3c00, 2), { int32Data: [0x3c00, 2] }],
    [11, Float64Array.of(0.1, 2), { doubleData: [0.1, 2] }],
    [7, BigInt64Array.of(-1n, 2n), { int64Data: [-1n, 2n] }],
  ])("reads initializers of ONNX's type %i from bytes and from lists", (dataType, data, list) => {
    for (const elements of [list, { rawData: new Uint8Array(data.buffer) }]) {
      const read = parseModel(
        edited(small, ({ graph: g }) => {
          g!.initializer = [create(TensorProtoSchema, { name: "c", dataType, dims: [2n], ...elements })];
          g!.output = [
            create(ValueInfoProtoSchema, {
              name: "c",
              type: { value: { case: "tensorType", value: { elemType: dataType } } },
            }),
          ];
        }),
      );
      expect(read.graph.outputs.c!.source).toEqual({ kind: "constant", data });
    }
  });

  it("gives symbolic dimensions their size", () => {
    const dynamic = edited(small, ({ graph: g }) => {
      for (const info of [g!.input[0]!, g!.output[0]!]) symbolic(info, "batch");
    });
    const parsed = parseModel(dynamic, { dimensions: { batch: 5 } });
    expect(printGraph(parsed.graph)).toBe("%0 = Relu(x) [5, 3]\ny = %0");
    expect(() => parseModel(dynamic)).toThrow(
      new RequestError(
        'input "x" has the dimension "batch", which is not a number; give its size as dimensions: { "batch": 1 }, or export the model with fixed sizes.',
      ),
    );
    expect(() => parseModel(dynamic, { dimensions: { batch: 0 } })).toThrow('dimension "batch" is 0; give a whole');
    expect(() => parseModel(dynamic, { dimensions: { n: 1, batch: 1 } })).toThrow(
      'the model has no dimension "n"; its symbolic dimensions are batch.',
    );
  });

  it.each([13, 17, 22])("reads opset %i", (opset) => {
    const read = parseModel(
      edited(bytes, (m) => {
        m.opsetImport[0]!.version = BigInt(opset);
      }),
    );
    expect(read.opset).toBe(opset);
    expect(printGraph(read.graph)).toBe(printGraph(graph));
  });
});
