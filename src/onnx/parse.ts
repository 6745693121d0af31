import { fromBinary } from "@bufbuild/protobuf";
import { DataError, reason, ShapeError, UnsupportedOperatorError } from "../errors.js";
import { GraphBuilder } from "./builder.js";
import {
  type Attribute,
  type DataType,
  elements,
  type Graph,
  sameShape,
  showShape,
  type TypedArray,
  type Value,
} from "./graph.js";
import { OPSET } from "./operators/index.js";
import { TYPE_CODES } from "./operators/layout.js";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataLocation,
  type ValueInfoProto,
} from "./proto/onnx_pb.js";
import type { Binding } from "./serialize.js";

/** A model as read from a file: its graph, and where the value of each of its parameters is. */
export interface ParsedModel {
  readonly graph: Graph;
  /** By the parameter's name; never an input. */
  readonly bindings: ReadonlyMap<string, Exclude<Binding, { kind: "input" }>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Initializers up to this size are read as constants: shapes, axes and scalars, which shape rules look into. */
const CONSTANT_ELEMENTS = 16;

/**
 * Reads an ONNX model (opset 18, static shapes). Initializers of floats become parameters, small and whole-numbered ones
 * constants; every shape is inferred again and checked against what the model declares.
 * @throws {DataError} where the bytes are no model or contradict themselves
 * @throws {UnsupportedOperatorError} for operators, attributes or opsets that are not known here
 */
export function parseModel(bytes: Uint8Array): ParsedModel {
  let model: ReturnType<typeof fromBinary<typeof ModelProtoSchema>>;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new DataError(`this is no ONNX model: ${reason(error)}.`);
  }
  if (model.graph === undefined) throw new DataError("this is no ONNX model: it has no graph.");
  const opset = model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version;
  if (opset !== BigInt(OPSET))
    throw new UnsupportedOperatorError(`the model is written in opset ${opset ?? "none"}; only ${OPSET} is supported.`);
  const { graph, bindings } = parseGraph(model.graph);
  return { graph, bindings, metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])) };
}

function parseGraph(proto: GraphProto): Pick<ParsedModel, "graph" | "bindings"> {
  const b = new GraphBuilder();
  const values = new Map<string, Value>();
  const bindings = new Map<string, Exclude<Binding, { kind: "input" }>>();
  for (const tensor of proto.initializer) {
    const value = initializer(b, tensor, bindings);
    values.set(tensor.name, value);
  }
  const inputs = proto.input.filter(({ name }) => !values.has(name)).map((info) => b.input(info.name, ...typeOf(info)));
  for (const input of inputs) values.set(input.name, input);
  const operand = (name: string, node: NodeProto): Value | null => {
    if (name === "") return null;
    const value = values.get(name);
    if (value === undefined) throw new DataError(`node "${node.name}" needs "${name}", which nothing before it gives.`);
    return value;
  };
  for (const node of proto.node) {
    const given = node.input.map((name) => operand(name, node));
    const outputs =
      node.opType === "Constant"
        ? [constantNode(b, node)]
        : b.op(node.opType, given, attributesOf(node), node.name || node.opType);
    node.output.forEach((name, i) => {
      if (name !== "" && outputs[i] !== undefined) values.set(name, outputs[i]);
    });
  }
  const outputs = proto.output.map((info) => {
    const value = values.get(info.name);
    if (value === undefined) throw new DataError(`output "${info.name}" is computed by no node.`);
    const [type, shape] = typeOf(info);
    if (type !== value.type || !sameShape(shape, value.shape)) {
      throw new DataError(
        `output "${info.name}" is declared as ${type} ${showShape(shape)}, but computed as ${value.type} ${showShape(value.shape)}.`,
      );
    }
    return [info.name, value] as const;
  });
  return { graph: { name: proto.name, inputs, outputs: Object.fromEntries(outputs) }, bindings };
}

function dataType(code: number, what: string): DataType {
  const found = (Object.keys(TYPE_CODES) as DataType[]).find((type) => TYPE_CODES[type] === code);
  if (found === undefined)
    throw new UnsupportedOperatorError(`${what} has ONNX's element type ${code}, which is not supported.`);
  return found;
}

function typeOf({ name, type }: ValueInfoProto): [DataType, number[]] {
  if (type?.value.case !== "tensorType") throw new UnsupportedOperatorError(`"${name}" is no tensor.`);
  const { elemType, shape } = type.value.value;
  const dimensions = (shape?.dim ?? []).map(({ value }) => {
    if (value.case !== "dimValue") {
      const symbol = value.case === "dimParam" ? ` "${value.value}"` : "";
      throw new ShapeError(
        `"${name}" has a dimension${symbol} that is not a number; export the model with fixed sizes.`,
      );
    }
    return Number(value.value);
  });
  return [dataType(elemType, `"${name}"`), dimensions];
}

function initializer(
  b: GraphBuilder,
  tensor: TensorProto,
  bindings: Map<string, Exclude<Binding, { kind: "input" }>>,
): Value {
  const type = dataType(tensor.dataType, `initializer "${tensor.name}"`);
  const shape = tensor.dims.map(Number);
  const external = tensor.dataLocation === TensorProto_DataLocation.EXTERNAL;
  if (!external && (type !== "float32" || elements(shape) <= CONSTANT_ELEMENTS))
    return b.constant(tensorData(tensor, type), type, shape, tensor.name);
  if (type !== "float32")
    throw new UnsupportedOperatorError(
      `initializer "${tensor.name}" is ${type} in an external file; only float32 is supported there.`,
    );
  const parameter = b.parameter(tensor.name, shape);
  bindings.set(parameter.name, external ? fileBinding(tensor) : { kind: "data", data: tensorData(tensor, type) });
  return parameter;
}

function fileBinding({ name, externalData }: TensorProto): Exclude<Binding, { kind: "input" }> {
  const entries = Object.fromEntries(externalData.map(({ key, value }) => [key, value]));
  const { location = "", offset = "0", length = "" } = entries;
  if (location === "" || /^([/\\]|[A-Za-z]:)|(^|[/\\])\.\.([/\\]|$)/.test(location))
    throw new DataError(
      `initializer "${name}" lies in "${location}", which leaves the model's folder; this is refused.`,
    );
  if (!/^\d+$/.test(offset) || !/^\d+$/.test(length))
    throw new DataError(
      `initializer "${name}" has the offset "${offset}" and the length "${length}"; whole numbers are needed.`,
    );
  return { kind: "file", location, offset: Number(offset), length: Number(length) };
}

const ARRAYS = {
  float32: Float32Array,
  float16: Uint16Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const satisfies Record<DataType, unknown>;

/** A tensor's elements, from its bytes or from the field of its type. */
function tensorData(tensor: TensorProto, type: DataType): TypedArray {
  const count = elements(tensor.dims.map(Number));
  const { rawData, floatData, int32Data, int64Data, doubleData } = tensor;
  const Data = ARRAYS[type];
  let data: TypedArray;
  if (rawData.length > 0 || count === 0) {
    if (rawData.length !== count * Data.BYTES_PER_ELEMENT)
      throw new DataError(
        `tensor "${tensor.name}" has ${rawData.length} bytes; ${count * Data.BYTES_PER_ELEMENT} are needed.`,
      );
    data = new Data(rawData.slice().buffer as ArrayBuffer);
  } else if (type === "int64") data = BigInt64Array.from(int64Data);
  else if (type === "float32") data = Float32Array.from(floatData);
  else if (type === "float64") data = Float64Array.from(doubleData);
  else data = (Data as Int32ArrayConstructor).from(int32Data);
  if (data.length !== count)
    throw new DataError(`tensor "${tensor.name}" has ${data.length} elements; ${count} are needed.`);
  return data;
}

function constantNode(b: GraphBuilder, node: NodeProto): Value {
  const [attribute] = node.attribute;
  if (attribute?.name === "value" && attribute.t !== undefined) {
    const type = dataType(attribute.t.dataType, `constant "${node.name}"`);
    return b.constant(tensorData(attribute.t, type), type, attribute.t.dims.map(Number), node.name || "constant");
  }
  if (attribute?.name === "value_float") return b.scalar(attribute.f);
  if (attribute?.name === "value_int") return b.scalar(Number(attribute.i), "int64");
  if (attribute?.name === "value_ints") return b.ints(attribute.ints.map(Number));
  throw new UnsupportedOperatorError(
    `Constant "${node.name}" has no value of a supported kind (tensor, float, int, ints).`,
  );
}

const attributesOf = (node: NodeProto): Record<string, Attribute> =>
  Object.fromEntries(node.attribute.map((attribute) => [attribute.name, attributeValue(attribute, node)]));

function attributeValue({ name, type, i, f, s, ints, floats }: AttributeProto, node: NodeProto): Attribute {
  switch (type) {
    case AttributeProto_AttributeType.INT:
      return Number(i);
    case AttributeProto_AttributeType.FLOAT:
      return f;
    case AttributeProto_AttributeType.STRING:
      return new TextDecoder().decode(s);
    case AttributeProto_AttributeType.INTS:
      return ints.map(Number);
    case AttributeProto_AttributeType.FLOATS:
      return floats;
    default:
      throw new UnsupportedOperatorError(
        `${node.opType} "${node.name}": attribute "${name}" is of a kind that is not supported.`,
      );
  }
}
