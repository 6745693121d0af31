import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { DataError, ShapeError, UnsupportedOperatorError } from "../errors.js";
import { architecture, freshModel, inferenceGraph } from "../models/index.js";
import { openSession, packed } from "../runtime/index.js";
import { GraphBuilder, parseModel, printGraph, serialize, type TypedArray } from "./index.js";
import { ModelProtoSchema, StringStringEntryProtoSchema, TensorProto_DataLocation } from "./proto/onnx_pb.js";

const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b", "c"], 1);
const { graph } = inferenceGraph(model, { resolution: 33, batch: 2 });
const weights = ({ name }: { name: string }): TypedArray => model.tensors.get(name)!.data;
const bytes = serialize(graph, { bind: (p) => ({ kind: "data", data: weights(p) }), metadata: { classes: "a b c" } });

/** The same model with something changed. */
function changed(change: (proto: ReturnType<typeof fromBinary<typeof ModelProtoSchema>>) => void): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, bytes);
  change(proto);
  return toBinary(ModelProtoSchema, proto);
}

describe("parseModel", () => {
  it("reads what serialize wrote: the same nodes, weights and metadata", async () => {
    const parsed = parseModel(bytes);
    const names = (text: string): string =>
      text.replace(/float32\[[^\]]*\]|\[[-\d., e]*\]/g, "[]").replace(/\b-?\d+\.\d+\b/g, "#");
    expect(names(printGraph(parsed.graph)).split("\n").length).toBe(names(printGraph(graph)).split("\n").length);
    expect(parsed.metadata).toEqual({ classes: "a b c" });
    const pixels = Uint8Array.from({ length: 2 * 33 * 33 * 3 }, (_, i) => (i * 31) % 256);
    const data = (p: { name: string }): TypedArray => {
      const binding = parsed.bindings.get(p.name)!;
      return binding.kind === "data" ? binding.data : new Float32Array(0);
    };
    const logits = await Promise.all(
      [packed(graph, weights), packed(parsed.graph, data)].map(async (program) => {
        const session = await openSession(program, { where: "here", threads: 1 });
        const out = await session.run({ pixels });
        await session.dispose();
        return out.logits;
      }),
    );
    expect(logits[1]).toEqual(logits[0]);
  });

  it("is stable: written again and read again it is the same text", () => {
    const once = parseModel(bytes);
    const again = parseModel(serialize(once.graph, { bind: ({ name }) => once.bindings.get(name)! }));
    expect(printGraph(again.graph)).toBe(printGraph(once.graph));
  });

  it("keeps weights in an external file where they are", () => {
    const external = serialize(graph, {
      bind: ({ name }) => ({
        kind: "file",
        location: "weights.safetensors",
        offset: 64,
        length: weights({ name }).byteLength,
      }),
    });
    expect(parseModel(external).bindings.get("conv_stem.weight")).toMatchObject({
      kind: "file",
      location: "weights.safetensors",
      offset: 64,
    });
  });

  it.each(["../secret", "/etc/passwd", "C:\\x", "a/../../b"])("refuses external data in %s", (location) => {
    const hostile = changed(({ graph: g }) => {
      const tensor = g!.initializer.find(({ name }) => name === "conv_stem.weight")!;
      tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
      tensor.externalData = Object.entries({ location, offset: "0", length: "4" }).map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value }),
      );
    });
    expect(() => parseModel(hostile)).toThrow(/leaves the model's folder/);
  });

  it.each([
    ["no model", () => new Uint8Array([255, 255, 255, 1]), DataError, /no ONNX model/],
    [
      "another opset",
      () =>
        changed((m) => {
          m.opsetImport[0]!.version = 11n;
        }),
      UnsupportedOperatorError,
      /opset 11; only 18/,
    ],
    [
      "an unknown operator",
      () =>
        changed((m) => {
          m.graph!.node[5]!.opType = "Frobnicate";
        }),
      UnsupportedOperatorError,
      /"Frobnicate"/,
    ],
    [
      "a missing operand",
      () =>
        changed((m) => {
          m.graph!.node[5]!.input[0] = "nowhere";
        }),
      DataError,
      /needs "nowhere"/,
    ],
    [
      "a wrong declaration",
      () =>
        changed((m) => {
          m.graph!.output[0]!.name = "nothing";
        }),
      DataError,
      /"nothing" is computed by no node/,
    ],
    [
      "a weight cut short",
      () =>
        changed((m) => {
          m.graph!.initializer.find((t) => t.name === "conv_stem.weight")!.rawData = new Uint8Array(8);
        }),
      DataError,
      /"conv_stem.weight" has 8 bytes/,
    ],
    [
      "a symbolic batch",
      () =>
        changed((m) => {
          const type = m.graph!.input[0]!.type!.value;
          if (type.case === "tensorType") type.value.shape!.dim[0]!.value = { case: "dimParam", value: "batch" };
        }),
      ShapeError,
      /dimension "batch" that is not a number/,
    ],
  ])("refuses %s", (_, make, error, text) => {
    const parse = (): unknown => parseModel(make());
    expect(parse).toThrow(error);
    expect(parse).toThrow(text);
  });
});

describe("serialize", () => {
  it("gives an output that is an input, and two outputs of one value", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [3]);
    const y = b.neg(x);
    const session = await openSession(
      { model: serialize({ name: "g", inputs: [x], outputs: { same: x, y, again: y } }) },
      { where: "here" },
    );
    const out = await session.run({ x: Float32Array.of(1, 2, 3) });
    await session.dispose();
    expect(out).toEqual({
      same: Float32Array.of(1, 2, 3),
      y: Float32Array.of(-1, -2, -3),
      again: Float32Array.of(-1, -2, -3),
    });
  });

  it("refuses data that do not fill a parameter", () => {
    expect(() => serialize(graph, { bind: () => ({ kind: "data", data: new Float32Array(1) }) })).toThrow(
      /parameter "[^"]+" \[[^\]]+\] was bound to 1 elements/,
    );
  });
});
