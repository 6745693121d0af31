import { create, toBinary } from "@bufbuild/protobuf";
import { RequestError } from "../errors.js";
import {
  type Attribute,
  type Graph,
  type Node,
  nodesFor,
  parametersFor,
  type TensorType,
  type TypedArray,
  type Value,
} from "./graph.js";
import { OPERATORS, OPSET, type OperatorName } from "./operators/index.js";
import { TYPE_CODES } from "./operators/layout.js";
import type { AttributeKind, Operator } from "./operators/operator.js";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "./proto/onnx_pb.js";

/** Where the data of a parameter is: in memory, in a file beside the graph, or fed as an input at each run. */
export type Binding =
  | { readonly kind: "data"; readonly data: TypedArray }
  | { readonly kind: "file"; readonly location: string; readonly offset: number; readonly length: number }
  | { readonly kind: "input" };

export interface SerializeOptions {
  /** How each parameter is bound; every one is an input where this is absent. */
  readonly bind?: (parameter: Value) => Binding;
  /** Free-form facts that travel with the file, such as class names. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A graph as the bytes of an ONNX model (IR 9, opset 18). Nodes that no output needs are left out. A parameter in a file
 * becomes external data, so that the graph itself is a few kilobytes.
 * @throws {RequestError} where the bound data do not fit a parameter's shape
 */
export function serialize(
  graph: Graph,
  { bind = () => ({ kind: "input" }), metadata = {} }: SerializeOptions = {},
): Uint8Array {
  const outputs = Object.entries(graph.outputs);
  const nodes = nodesFor(Object.values(graph.outputs));
  const aliases = new Map(outputs.map(([name, value]) => [value, name]));
  // An output carries its own name where a node makes it; anything else reaches it through an Identity.
  const rename = new Map(
    outputs
      .filter(([name, value]) => value.source.kind === "node" && aliases.get(value) === name)
      .map(([name, value]) => [value, name]),
  );
  const nameOf = (value: Value | null): string => (value === null ? "" : (rename.get(value) ?? value.name));

  const initializer: TensorProto[] = [];
  const inputs = graph.inputs.map((value) => valueInfo(value.name, value));
  for (const parameter of parametersFor(Object.values(graph.outputs))) {
    const binding = bind(parameter);
    if (binding.kind === "input") inputs.push(valueInfo(parameter.name, parameter));
    else initializer.push(tensorProto(parameter, binding));
  }
  const constants = new Set([...nodes.flatMap((node) => node.inputs), ...Object.values(graph.outputs)]);
  for (const value of constants) {
    if (value?.source.kind === "constant")
      initializer.push(tensorProto(value, { kind: "data", data: value.source.data }));
  }
  const identities = outputs
    .filter(([name, value]) => rename.get(value) !== name)
    .map(([name, value]) =>
      create(NodeProtoSchema, { name, opType: "Identity", input: [nameOf(value)], output: [name] }),
    );

  const proto = create(GraphProtoSchema, {
    name: graph.name,
    node: [...nodes.map((node) => nodeProto(node, nameOf)), ...identities],
    initializer,
    input: inputs,
    output: outputs.map(([name, value]) => valueInfo(name, value)),
  });
  const model = create(ModelProtoSchema, {
    irVersion: 9n,
    opsetImport: [{ domain: "", version: BigInt(OPSET) }],
    producerName: "fixres",
    graph: proto,
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  return toBinary(ModelProtoSchema, model);
}

const valueInfo = (name: string, { type, shape }: TensorType) =>
  create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: "tensorType",
        value: {
          elemType: TYPE_CODES[type],
          shape: { dim: shape.map((n) => ({ value: { case: "dimValue" as const, value: BigInt(n) } })) },
        },
      },
    },
  });

function tensorProto(value: Value, binding: Exclude<Binding, { kind: "input" }>): TensorProto {
  const tensor = create(TensorProtoSchema, {
    name: value.name,
    dataType: TYPE_CODES[value.type],
    dims: value.shape.map(BigInt),
  });
  switch (binding.kind) {
    case "data": {
      const { buffer, byteOffset, byteLength, length } = binding.data;
      const wanted = value.shape.reduce((a, b) => a * b, 1);
      if (length !== wanted)
        throw new RequestError(
          `parameter "${value.name}" [${value.shape.join(", ")}] was bound to ${length} elements; ${wanted} are needed.`,
        );
      tensor.rawData = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
      break;
    }
    case "file":
      tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
      tensor.externalData = Object.entries({
        location: binding.location,
        offset: String(binding.offset),
        length: String(binding.length),
      }).map(([key, text]) => ({ $typeName: "onnx.StringStringEntryProto", key, value: text }));
      break;
    default:
      binding satisfies never;
  }
  return tensor;
}

function nodeProto(node: Node, nameOf: (value: Value | null) => string) {
  const { attributes: kinds }: Operator = OPERATORS[node.op as OperatorName];
  return create(NodeProtoSchema, {
    name: node.name,
    opType: node.op,
    input: node.inputs.map(nameOf),
    output: node.outputs.map(nameOf),
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, kinds[name]!, value)),
  });
}

function attributeProto(name: string, kind: AttributeKind, value: Attribute) {
  const list = value as readonly number[];
  switch (kind) {
    case "int":
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value as number) });
    case "float":
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value as number });
    case "string":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.STRING,
        s: new TextEncoder().encode(value as string),
      });
    case "ints":
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: list.map(BigInt) });
    case "floats":
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOATS, floats: [...list] });
    default:
      return kind satisfies never;
  }
}
