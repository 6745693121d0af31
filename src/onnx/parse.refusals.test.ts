import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { DataError, FixresError, UnsupportedOperatorError } from "../errors.js";
import { architecture, freshModel, inferenceGraph } from "../models/index.js";
import { random } from "../random.js";
import { GraphBuilder, parseModel, serialize } from "./index.js";
import {
  AttributeProto_AttributeType as Kind,
  type ModelProto,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
} from "./proto/onnx_pb.js";
import { edited } from "./proto.testing.js";

const model = freshModel(architecture("tf_efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b", "c"], 1);
const graph = inferenceGraph(model, { resolution: 33, batch: 2 });
const bytes = serialize(graph, { bind: ({ name }) => ({ kind: "data", data: model.tensors.get(name)!.data }) });

/** The model with the weights of its first convolution said to be elsewhere. */
const external = (place: Record<string, string>): Uint8Array =>
  edited(bytes, ({ graph: g }) => {
    const tensor = g!.initializer.find(({ name }) => name === "conv_stem.weight")!;
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    tensor.externalData = Object.entries(place).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    );
  });

type Refusal = readonly [
  what: string,
  error: typeof DataError | typeof UnsupportedOperatorError,
  text: string,
  change: (model: ModelProto) => void,
];

const firstNode = (m: ModelProto) => m.graph!.node.find(({ opType }) => opType === "Conv")!;

const REFUSALS: readonly Refusal[] = [
  [
    "an old opset",
    UnsupportedOperatorError,
    "the model is written in opset 6; 7 to 24 are supported.",
    (m) => {
      m.opsetImport[0]!.version = 6n;
    },
  ],
  [
    "no opset",
    UnsupportedOperatorError,
    "the model is written in opset 0;",
    (m) => {
      m.opsetImport = [];
    },
  ],
  [
    "an unknown IR version",
    UnsupportedOperatorError,
    "the model has IR version 99; 3 to 13 are supported.",
    (m) => {
      m.irVersion = 99n;
    },
  ],
  [
    "unknown operators, all of them",
    UnsupportedOperatorError,
    'operators that are not supported: "com.microsoft.FusedConv" (1 node), "LSTM" (2 nodes). Supported: Abs, Add,',
    (m) => {
      for (const i of [30, 31]) m.graph!.node[i]!.opType = "LSTM";
      Object.assign(firstNode(m), { domain: "com.microsoft", opType: "FusedConv" });
    },
  ],
  [
    "an operator by the name of a property that every object has",
    UnsupportedOperatorError,
    '"toString" (1 node)',
    (m) => {
      firstNode(m).opType = "toString";
    },
  ],
  [
    "an unknown attribute",
    UnsupportedOperatorError,
    'attribute "activation" is not supported',
    (m) => {
      firstNode(m).attribute[0]!.name = "activation";
    },
  ],
  [
    "an attribute of another kind",
    DataError,
    'Conv "stem/Conv": attribute "strides" is of ONNX\'s kind 2, not 7 (ints).',
    (m) => {
      firstNode(m).attribute.find(({ name }) => name === "strides")!.type = Kind.INT;
    },
  ],
  [
    "the use of an output that the operator does not have here",
    UnsupportedOperatorError,
    'its output 1, "extra", is not supported',
    (m) => {
      const conv = firstNode(m);
      conv.output.push("extra");
      m.graph!.node.find(({ input }) => input.includes(conv.output[0]!))!.input[0] = "extra";
    },
  ],
  [
    "a missing operand",
    DataError,
    'node "stem/Conv" needs "nowhere", which nothing before it gives.',
    (m) => {
      firstNode(m).input[0] = "nowhere";
    },
  ],
  [
    "nodes out of order",
    DataError,
    "which nothing before it gives",
    (m) => {
      m.graph!.node.reverse();
    },
  ],
  [
    "a name given twice",
    DataError,
    '"pixels" is given twice',
    (m) => {
      firstNode(m).output[0] = "pixels";
    },
  ],
  [
    "an initializer given twice",
    DataError,
    '"bn1.bias" is given twice',
    (m) => {
      m.graph!.initializer.push(m.graph!.initializer.find(({ name }) => name === "bn1.bias")!);
    },
  ],
  [
    "an output that nothing computes",
    DataError,
    'output "nothing" is computed by no node.',
    (m) => {
      m.graph!.output[0]!.name = "nothing";
    },
  ],
  [
    "an output declared in another shape",
    DataError,
    'output "logits" is declared as float32 [7, 3], but computed as float32 [2, 3].',
    (m) => {
      const type = m.graph!.output[0]!.type!.value;
      if (type.case === "tensorType") type.value.shape!.dim[0]!.value = { case: "dimValue", value: 7n };
    },
  ],
  [
    "an output declared of another type",
    DataError,
    'output "logits" is declared as float64 [2, 3], but computed as float32 [2, 3].',
    (m) => {
      const type = m.graph!.output[0]!.type!.value;
      if (type.case === "tensorType") type.value.elemType = 11;
    },
  ],
  [
    "a nameless dimension",
    DataError,
    'input "pixels" has no size along axis 0',
    (m) => {
      const type = m.graph!.input[0]!.type!.value;
      if (type.case === "tensorType") type.value.shape!.dim[0]!.value = { case: undefined };
    },
  ],
  [
    "an input of an unknown element type",
    UnsupportedOperatorError,
    '"pixels" has ONNX\'s element type 8, which is not supported; types are float32, uint8,',
    (m) => {
      const type = m.graph!.input[0]!.type!.value;
      if (type.case === "tensorType") type.value.elemType = 8;
    },
  ],
  [
    "a weight cut short",
    DataError,
    'initializer "conv_stem.weight" has 8 bytes; 864 are needed.',
    (m) => {
      m.graph!.initializer.find(({ name }) => name === "conv_stem.weight")!.rawData = new Uint8Array(8);
    },
  ],
  [
    "a weight of absurd size, without allocating it",
    DataError,
    "bytes; 4398046511104 are needed.",
    (m) => {
      m.graph!.initializer.find(({ name }) => name === "conv_stem.weight")!.dims = [1n << 40n];
    },
  ],
  [
    "a negative dimension",
    DataError,
    'initializer "conv_stem.weight" has the shape [-1, 3], which no tensor has.',
    (m) => {
      m.graph!.initializer.find(({ name }) => name === "conv_stem.weight")!.dims = [-1n, 3n];
    },
  ],
  [
    "sparse initializers",
    UnsupportedOperatorError,
    "the model has sparse initializers",
    (m) => {
      m.graph!.sparseInitializer.push(create(SparseTensorProtoSchema, {}));
    },
  ],
  [
    "no graph",
    DataError,
    "this is no ONNX model: it has no graph.",
    (m) => {
      m.graph = undefined;
    },
  ],
];

describe("parseModel refuses", () => {
  it.each(REFUSALS)("%s", (_, error, text, change) => {
    const wrong = edited(bytes, change);
    expect(() => parseModel(wrong)).toThrow(error);
    expect(() => parseModel(wrong)).toThrow(text);
  });

  it.each(["../secret", "/etc/passwd", "\\\\host\\x", "C:\\x", "a/../../b", "a\\..\\b", "..", ""])(
    "external data in %j",
    (location) => {
      expect(() => parseModel(external({ location }))).toThrow(
        new DataError(
          `initializer "conv_stem.weight" lies in "${location}", which leaves the model's folder; this is refused.`,
        ),
      );
    },
  );

  it.each([
    [{ offset: "-1" }, 'the offset "-1" and the length "864"'],
    [{ offset: "0x10" }, 'the offset "0x10"'],
    [{ length: "1e3" }, 'the length "1e3"'],
    [{ length: "868" }, "has 868 bytes in a file; 864 are needed"],
    [{ offset: "99999999999999999999" }, 'the offset "99999999999999999999"'],
  ])("external data at %j", (place, text) => {
    const broken = external({ location: "w", ...place });
    expect(() => parseModel(broken)).toThrow(DataError);
    expect(() => parseModel(broken)).toThrow(text);
  });

  it("bytes that are no model", () => {
    expect(() => parseModel(new Uint8Array(0))).toThrow(new DataError("this is no ONNX model: it has no graph."));
    expect(() => parseModel(new TextEncoder().encode("<!DOCTYPE html>"))).toThrow(DataError);
  });

  it("damaged models by an error that says so, wherever they are cut or flipped", () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [1, 3, 9, 9]);
    const y = b.slice(b.conv(x, b.parameter("w", [4, 3, 3, 3]), null, { strides: [2, 2] }), {
      axes: [2, 3],
      starts: [3, 0],
      ends: [0, 4],
      steps: [-1, 2],
    });
    const pooled = b.reshape(
      b.globalAveragePool(b.pad(b.transpose(y, [0, 1, 3, 2]), [0, 0, 1, 1, 0, 0, 0, 2])),
      [1, 4],
    );
    const outputs = { y: b.softmax(b.reduceMean(b.concat([pooled, pooled], 1), { axes: [0] })), z: pooled };
    const whole = serialize(
      { name: "g", inputs: [x], outputs },
      { bind: () => ({ kind: "data", data: new Float32Array(108) }) },
    );
    const attempt = (damaged: Uint8Array): boolean => {
      try {
        parseModel(damaged);
        return true;
      } catch (error) {
        if (!(error instanceof FixresError)) throw error;
        return false;
      }
    };
    expect(attempt(whole)).toBe(true);
    for (let length = 0; length < whole.length; length++) attempt(whole.subarray(0, length));
    const stream = random(0, "damage");
    let refused = 0;
    for (let i = 0; i < 4000; i++) {
      const damaged = whole.slice();
      for (let n = stream.integer(3); n >= 0; n--) damaged[stream.integer(whole.length)]! ^= 1 << stream.integer(8);
      if (!attempt(damaged)) refused++;
    }
    expect(refused).toBeGreaterThan(500);
  });
});
