import { fromBinary } from "@bufbuild/protobuf";
import { DataError, RequestError, reason, UnsupportedOperatorError } from "../errors.js";
import { attributesOf, constantOf } from "./attributes.js";
import { GraphBuilder } from "./builder.js";
import { type Graph, showShape, type TensorType, type Value } from "./graph.js";
import { OPERATORS } from "./operators/index.js";
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type ValueInfoProto,
} from "./proto/onnx_pb.js";
import { dataType, type StoredBinding, shapeOf, storedTensor } from "./tensors.js";

/** A model as read from a file: its graph, and where the value of each of its parameters is. */
export interface ParsedModel {
  readonly graph: Graph;
  /** By the parameter's name. */
  readonly bindings: ReadonlyMap<string, StoredBinding>;
  readonly metadata: Readonly<Record<string, string>>;
  /** The version of the operator set that the file is written in; the graph means the same in `OPSET`. */
  readonly opset: number;
}

export interface ParseOptions {
  /** The size of each symbolic dimension, such as `{ batch: 1 }`. */
  readonly dimensions?: Readonly<Record<string, number>>;
}

/**
 * Opsets in which what is supported here means what it means in 18. Before 13 Softmax worked on matrices; what changed
 * in between, such as ReduceMean's axes, shows as an attribute that is not supported.
 */
const OPSETS = { from: 13, to: 22 } as const;

/** Intermediate representations that this schema reads; 3 is the first to have operator sets by domain. */
const IR_VERSIONS = { from: 3, to: 13 } as const;

/**
 * Reads an ONNX model with static shapes. Initializers of float32 become parameters, scalars and other types constants, as
 * do `Constant` nodes; an `Identity` stands for its operand. Every shape is inferred again and checked against what the
 * model declares of its outputs.
 * @throws {DataError} where the bytes are no model or contradict themselves
 * @throws {UnsupportedOperatorError} for operators, attributes, element types or versions that are not known here
 * @throws {RequestError} where a symbolic dimension has no size in `dimensions`, or one is named that the model lacks
 */
export function parseModel(bytes: Uint8Array, { dimensions = {} }: ParseOptions = {}): ParsedModel {
  const model = decoded(bytes);
  const proto = model.graph;
  if (proto === undefined) throw new DataError("this is no ONNX model: it has no graph.");
  const opset = checkedVersion(model);
  checkOperators(proto);
  checkDimensions(proto, dimensions);
  return {
    ...parseGraph(proto, dimensions),
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
    opset,
  };
}

function decoded(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new DataError(`this is no ONNX model: ${reason(error)}.`);
  }
}

const isStandard = (domain: string): boolean => domain === "" || domain === "ai.onnx";

function checkedVersion({ irVersion, opsetImport }: ModelProto): number {
  if (irVersion < IR_VERSIONS.from || irVersion > IR_VERSIONS.to) {
    throw new UnsupportedOperatorError(
      `the model has IR version ${irVersion}; ${IR_VERSIONS.from} to ${IR_VERSIONS.to} are supported. Convert it with onnx.version_converter.`,
    );
  }
  const opset = Number(opsetImport.find(({ domain }) => isStandard(domain))?.version ?? 0);
  if (opset < OPSETS.from || opset > OPSETS.to) {
    throw new UnsupportedOperatorError(
      `the model is written in opset ${opset}; ${OPSETS.from} to ${OPSETS.to} are supported. Export it with opset 18, or convert it with onnx.version_converter.`,
    );
  }
  return opset;
}

/** Fails with every operator of the model that is not supported, not just the first. */
function checkOperators({ node: nodes }: GraphProto): void {
  const unknown = new Map<string, number>();
  for (const { domain, opType } of nodes) {
    if (isStandard(domain) && (opType === "Constant" || Object.hasOwn(OPERATORS, opType))) continue;
    const name = isStandard(domain) ? opType : `${domain}.${opType}`;
    unknown.set(name, (unknown.get(name) ?? 0) + 1);
  }
  if (unknown.size === 0) return;
  const listed = [...unknown]
    .map(([name, count]) => `"${name}" (${count} ${count === 1 ? "node" : "nodes"})`)
    .join(", ");
  throw new UnsupportedOperatorError(
    `the model has operators that are not supported: ${listed}. Supported: ${["Constant", ...Object.keys(OPERATORS)].join(", ")}.`,
  );
}

function checkDimensions({ input, output }: GraphProto, dimensions: Readonly<Record<string, number>>): void {
  const symbols = new Set<string>();
  for (const { type } of [...input, ...output]) {
    if (type?.value.case !== "tensorType") continue;
    for (const { value } of type.value.value.shape?.dim ?? []) if (value.case === "dimParam") symbols.add(value.value);
  }
  for (const [name, size] of Object.entries(dimensions)) {
    if (!symbols.has(name)) {
      throw new RequestError(
        `the model has no dimension "${name}"; its symbolic dimensions are ${[...symbols].join(", ") || "none"}.`,
      );
    }
    if (!Number.isSafeInteger(size) || size < 1)
      throw new RequestError(`dimension "${name}" is ${size}; give a whole number of 1 or more.`);
  }
}

function parseGraph(
  proto: GraphProto,
  dimensions: Readonly<Record<string, number>>,
): Pick<ParsedModel, "graph" | "bindings"> {
  const b = new GraphBuilder();
  const bindings = new Map<string, StoredBinding>();
  const values = new Map<string, Value>();
  const define = (name: string, value: Value): void => {
    if (values.has(name)) throw new DataError(`"${name}" is given twice; the names of a graph's values must differ.`);
    values.set(name, value);
  };

  if (proto.sparseInitializer.length > 0)
    throw new UnsupportedOperatorError("the model has sparse initializers, which are not supported.");
  const stored = new Set(proto.initializer.map(({ name }) => name));
  // Up to IR 3 initializers were listed among the inputs too, as their defaults.
  const inputs = proto.input
    .filter(({ name }) => !stored.has(name))
    .map((info) => {
      const { type, shape } = inputType(info, dimensions);
      const value = b.input(info.name, type, shape);
      define(info.name, value);
      return value;
    });
  for (const tensor of proto.initializer) {
    const what = `initializer "${tensor.name}"`;
    const { type, shape, binding } = storedTensor(tensor, what);
    if (type === "float32" && shape.length > 0) {
      define(tensor.name, b.parameter(tensor.name, shape));
      bindings.set(tensor.name, binding);
    } else if (binding.kind === "data") define(tensor.name, b.constant(binding.data, type, shape, tensor.name));
    else {
      throw new UnsupportedOperatorError(
        `${what} is a ${type} ${showShape(shape)} in an external file; only float32 tensors are supported there.`,
      );
    }
  }
  for (const node of proto.node) {
    const results = resultsOf(b, node, values);
    node.output.forEach((name, i) => {
      if (name === "") return;
      const result = results[i];
      if (result === undefined) {
        throw new UnsupportedOperatorError(
          `${node.opType} "${node.name}": its output ${i}, "${name}", is not supported.`,
        );
      }
      define(name, result);
    });
  }
  const outputs = proto.output.map((info) => [info.name, declaredOutput(info, values, dimensions)] as const);
  return { graph: { name: proto.name, inputs, outputs: Object.fromEntries(outputs) }, bindings };
}

function resultsOf(b: GraphBuilder, node: NodeProto, values: ReadonlyMap<string, Value>): readonly Value[] {
  const name = node.name || node.output[0] || node.opType;
  const operands = node.input.map((input) => {
    if (input === "") return null;
    const value = values.get(input);
    if (value === undefined) throw new DataError(`node "${name}" needs "${input}", which nothing before it gives.`);
    return value;
  });
  if (node.opType === "Constant") {
    const { data, type, shape } = constantOf(node, name);
    return [b.constant(data, type, shape, name)];
  }
  if (node.opType === "Identity" && operands[0]) return [operands[0]];
  return b.op(node.opType, operands, attributesOf(node, name), name);
}

function inputType(info: ValueInfoProto, dimensions: Readonly<Record<string, number>>): TensorType {
  const { type, shape } = declaredType(info, dimensions);
  const known = shape?.map((dimension, axis) => {
    if (typeof dimension === "bigint") return dimension;
    if (dimension === null)
      throw new DataError(`input "${info.name}" has no size along axis ${axis}; export the model with fixed sizes.`);
    throw new RequestError(
      `input "${info.name}" has the dimension "${dimension}", which is not a number; give its size as dimensions: { "${dimension}": 1 }, or export the model with fixed sizes.`,
    );
  });
  if (known === undefined) throw new DataError(`input "${info.name}" has no shape; export the model with fixed sizes.`);
  return { type, shape: shapeOf(known, `input "${info.name}"`) };
}

/** The value of an output, once its declaration is known to agree with what the nodes give. */
function declaredOutput(
  info: ValueInfoProto,
  values: ReadonlyMap<string, Value>,
  dimensions: Readonly<Record<string, number>>,
): Value {
  const value = values.get(info.name);
  if (value === undefined) throw new DataError(`output "${info.name}" is computed by no node.`);
  const { type, shape } = declaredType(info, dimensions);
  const agrees = (declared: bigint | string | null, axis: number): boolean =>
    typeof declared !== "bigint" || Number(declared) === value.shape[axis];
  if (type !== value.type || (shape !== null && !(shape.length === value.shape.length && shape.every(agrees)))) {
    throw new DataError(
      `output "${info.name}" is declared as ${type} [${shape?.join(", ")}], but computed as ${value.type} ${showShape(value.shape)}.`,
    );
  }
  return value;
}

/** A declaration; each dimension is its size, the symbol that has none, or null. */
function declaredType(
  { name, type }: ValueInfoProto,
  dimensions: Readonly<Record<string, number>>,
): Pick<TensorType, "type"> & { shape: (bigint | string | null)[] | null } {
  if (type?.value.case !== "tensorType")
    throw new UnsupportedOperatorError(`"${name}" is no tensor; only tensors are supported.`);
  const { elemType, shape } = type.value.value;
  const sizes = shape?.dim.map(({ value }) => {
    if (value.case === "dimValue") return value.value;
    if (value.case !== "dimParam" || value.value === "") return null;
    return Object.hasOwn(dimensions, value.value) ? BigInt(dimensions[value.value]!) : value.value;
  });
  return { type: dataType(elemType, `"${name}"`), shape: sizes ?? null };
}
