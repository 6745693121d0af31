import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { DataError, RequestError, reason, ShapeError, UnsupportedOperatorError } from "../errors.js";
import { attributesOf } from "./attributes.js";
import { GraphBuilder } from "./builder.js";
import { evaluated } from "./evaluate.js";
import { FORMS, isReadable } from "./forms.js";
import { constantData, elements, type Graph, type Shape, showShape, type TensorType, type Value } from "./graph.js";
import { OPERATORS } from "./operators/index.js";
import {
  type GraphProto,
  GraphProtoSchema,
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
  /** Shapes of inputs instead of those that the file declares, by name. */
  readonly shapes?: Readonly<Record<string, Shape>>;
}

/** A model as it lies in its file, decoded; its versions and operators are known here. */
export type OnnxFile = ModelProto & { readonly graph: GraphProto };

/** Opsets that are read; what they write otherwise than 18 stands in `FORMS`. */
const OPSETS = { from: 7, to: 24 } as const;

/** More than any classifier has; such a graph takes seconds to read. */
const MOST = { nodes: 20_000, initializers: 20_000, "parts of nodes": 400_000 } as const;

/** Elements that are computed while a model is read: sizes and small tables. What is past them stays in the graph. */
const MOST_EVALUATED = 2 ** 18;

/** Elements of one value, and axes, past which no machine computes: 64 GB of float32. */
const [MOST_ELEMENTS, MOST_AXES] = [2 ** 34, 64];

/** Intermediate representations that this schema reads; 3 is the first to have operator sets by domain. */
const IR_VERSIONS = { from: 3, to: 13 } as const;

/**
 * Decodes an ONNX model, whose graph can then be had at several sizes. Tensors stay views of `bytes`.
 * @throws {DataError} where the bytes are no model
 * @throws {UnsupportedOperatorError} for operators or versions that are not known here
 */
export function decodeModel(bytes: Uint8Array): OnnxFile {
  let model: ModelProto;
  try {
    checkSize(bytes);
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`this is no ONNX model: ${reason(error)}.`);
  }
  if (model.graph === undefined) throw new DataError("this is no ONNX model: it has no graph.");
  checkedVersion(model);
  checkOperators(model.graph);
  return model as OnnxFile;
}

/**
 * Fails where a graph has more than any classifier, before it is decoded: what is a byte or two in the file takes a hundred in memory,
 * and much time.
 */
function checkSize(bytes: Uint8Array): void {
  const found = { nodes: 0, initializers: 0, "parts of nodes": 0 };
  const { node, initializer } = GraphProtoSchema.field;
  forEachField(bytes, (number, graph) => {
    if (number !== ModelProtoSchema.field.graph.number) return;
    forEachField(graph, (inner, content) => {
      if (inner === initializer.number) found.initializers++;
      if (inner !== node.number) return;
      found.nodes++;
      forEachField(content, () => {
        found["parts of nodes"]++;
      });
    });
  });
  for (const [what, most] of Object.entries(MOST) as [keyof typeof MOST, number][]) {
    if (found[what] > most)
      throw new DataError(`this is no classifier: it has ${found[what]} ${what}, where ${most} are supported.`);
  }
}

/** Each field of a message that holds bytes, such as another message. */
function forEachField(bytes: Uint8Array, visit: (number: number, content: Uint8Array) => void): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited) visit(number, reader.bytes());
    else reader.skip(type, number);
  }
}

/** What travels with a model beside its graph. */
export const metadataOf = ({ metadataProps }: OnnxFile): Record<string, string> =>
  Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]));

/**
 * Reads an ONNX model; every shape is known afterwards. Initializers of float32 become parameters, scalars and other types
 * constants, as do `Constant` nodes and what is computed from constants; an `Identity` stands for its operand. Every shape is
 * inferred again and checked against what the model declares of its outputs.
 * @throws {DataError} where the bytes are no model or contradict themselves
 * @throws {UnsupportedOperatorError} for operators, attributes, element types or versions that are not known here
 * @throws {RequestError} where a symbolic dimension has no size in `dimensions`, or one is named that the model lacks
 */
export function parseModel(
  model: Uint8Array | OnnxFile,
  { dimensions = {}, shapes = {} }: ParseOptions = {},
): ParsedModel {
  const file = model instanceof Uint8Array ? decodeModel(model) : model;
  checkDimensions(file.graph, dimensions);
  const reading = new Reading(file.graph, checkedVersion(file), { dimensions, shapes });
  return { ...reading.result(), metadata: metadataOf(file), opset: reading.opset };
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
    if (isStandard(domain) && isReadable(opType)) continue;
    const name = isStandard(domain) ? opType : `${domain}.${opType}`;
    unknown.set(name, (unknown.get(name) ?? 0) + 1);
  }
  if (unknown.size === 0) return;
  const shown = 20;
  const listed = [...unknown]
    .slice(0, shown)
    .map(([name, count]) => `"${name}" (${count} ${count === 1 ? "node" : "nodes"})`)
    .join(", ");
  throw new UnsupportedOperatorError(
    `the model has operators that are not supported: ${listed}${unknown.size > shown ? `, and ${unknown.size - shown} more` : ""}. Supported: ${[...new Set([...Object.keys(OPERATORS), ...Object.keys(FORMS)])].sort().join(", ")}.`,
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

/** One pass over a graph that is being read. */
class Reading {
  private readonly b = new GraphBuilder();
  private readonly bindings = new Map<string, StoredBinding>();
  private readonly values = new Map<string, Value>();
  /** Results that nodes have beyond those that are supported, and what to say where one is needed. */
  private readonly absent = new Map<string, string>();
  /** Elements of constants that were computed so far. */
  private evaluated = 0;
  /** Values that depend on an input. */
  private readonly fed = new Set<Value>();
  /** Numbers of pictures, declared and asked for, where these differ. */
  private batch: { readonly declared: number; readonly wanted: number } | null = null;

  constructor(
    private readonly proto: GraphProto,
    readonly opset: number,
    private readonly sizes: Required<ParseOptions>,
  ) {}

  result(): Pick<ParsedModel, "graph" | "bindings"> {
    const { proto, b, bindings, sizes } = this;
    if (proto.sparseInitializer.length > 0)
      throw new UnsupportedOperatorError("the model has sparse initializers, which are not supported.");
    const stored = new Set(proto.initializer.map(({ name }) => name));
    // Up to IR 3 initializers were listed among the inputs too, as their defaults.
    const inputs = proto.input.filter(({ name }) => !stored.has(name)).map((info) => this.input(info));
    for (const tensor of proto.initializer) {
      const what = `initializer "${tensor.name}"`;
      const { type, shape, binding } = storedTensor(tensor, what);
      if (type === "float32" && shape.length > 0) {
        this.define(tensor.name, b.parameter(tensor.name, shape));
        bindings.set(tensor.name, binding);
      } else if (binding.kind === "data") this.define(tensor.name, b.constant(binding.data, type, shape, tensor.name));
      else {
        throw new UnsupportedOperatorError(
          `${what} is a ${type} ${showShape(shape)} in an external file; only float32 tensors are supported there.`,
        );
      }
    }
    for (const node of proto.node) this.node(node);
    const outputs = proto.output.map((info) => [info.name, declaredOutput(info, this.values, sizes)] as const);
    return { graph: { name: proto.name, inputs, outputs: Object.fromEntries(outputs) }, bindings };
  }

  private define(name: string, value: Value): void {
    if (this.values.has(name))
      throw new DataError(`"${name}" is given twice; the names of a graph's values must differ.`);
    this.values.set(name, value);
  }

  private input(info: ValueInfoProto): Value {
    const { name } = info;
    const { dimensions, shapes } = this.sizes;
    const wanted = shapes[name];
    const { type, shape } = wanted
      ? { type: declaredType(info, dimensions).type, shape: wanted }
      : inputType(info, dimensions);
    if (wanted) {
      const declared = declaredType(info, dimensions).shape?.[0];
      if (typeof declared === "bigint" && Number(declared) !== wanted[0])
        this.batch = { declared: Number(declared), wanted: wanted[0]! };
    }
    const value = this.b.input(name, type, shape);
    this.fed.add(value);
    this.define(name, value);
    return value;
  }

  private node(node: NodeProto): void {
    const results = this.resultsOf(node);
    node.output.forEach((name, i) => {
      if (name === "") return;
      const result = results[i];
      if (result === undefined) this.absent.set(name, `${node.opType} "${node.name}": its output ${i}, "${name}"`);
      else this.define(name, result);
    });
  }

  private resultsOf(node: NodeProto): readonly Value[] {
    const { b, opset } = this;
    const name = node.name || node.output[0] || node.opType;
    const inputs = node.input.map((input) => {
      if (input === "") return null;
      const value = this.values.get(input);
      const absent = this.absent.get(input);
      if (absent !== undefined) throw new UnsupportedOperatorError(`${absent}, is not supported.`);
      if (value === undefined) throw new DataError(`node "${name}" needs "${input}", which nothing before it gives.`);
      return value;
    });
    const form = Object.hasOwn(FORMS, node.opType) ? FORMS[node.opType]! : null;
    const fed = inputs.some((input) => input !== null && this.fed.has(input));
    const results =
      this.wholeView(node.opType, inputs) ??
      form?.({ b, node, name, opset, inputs, fed }) ??
      b.op(node.opType, this.resized(node.opType, inputs), attributesOf(node, name), name);
    if (fed && node.opType !== "Shape") for (const result of results) this.fed.add(result);
    return results.map((result) => this.known(result));
  }

  /** A result that is computed from constants alone, as a constant. @throws {ShapeError} for one that is absurdly large */
  private known(result: Value): Value {
    const { source, type, shape, name } = result;
    if (shape.length > MOST_AXES || elements(shape) > MOST_ELEMENTS) {
      const shown = shape.length > MOST_AXES ? `${shape.length} axes` : showShape(shape);
      throw new ShapeError(
        `"${name}" would have ${shown}; at most ${MOST_AXES} axes and ${MOST_ELEMENTS} elements are supported.`,
      );
    }
    if (source.kind !== "node" || source.node.outputs.length > 1) return result;
    const { op, inputs, attributes } = source.node;
    if (this.evaluated > MOST_EVALUATED) return result;
    const data = evaluated(op, inputs, attributes, result);
    this.evaluated += data?.length ?? 0;
    return data === null ? result : this.b.constant(data, type, shape, name);
  }

  /**
   * PyTorch's exporter writes a view of all elements (as_strided) as a Gather by 0, 1, 2, ... from the flattened tensor, whose
   * number is that of the pictures declared. As what it is, a Reshape, it holds for any number.
   */
  private wholeView(op: string, [flat, indices]: readonly (Value | null)[]): readonly Value[] | null {
    if (op !== "Gather" || !flat || !indices || flat.shape.length !== 1 || flat.source.kind !== "node") return null;
    const { node } = flat.source;
    const places = constantData(indices);
    if (node.op !== "Reshape" || places === null || indices.shape.length < 2 || !this.fed.has(flat)) return null;
    const { declared, wanted } = this.batch ?? { declared: 1, wanted: 1 };
    if (places.length * wanted !== flat.shape[0]! * declared || indices.shape[0] !== declared) return null;
    if (!places.every((place: number | bigint, i: number) => Number(place) === i)) return null;
    return [this.b.reshape(node.inputs[0]!, [wanted, ...indices.shape.slice(1)])];
  }

  /** The operands of a Reshape whose target has the number of pictures written out, for the number asked for. */
  private resized(op: string, inputs: readonly (Value | null)[]): readonly (Value | null)[] {
    const [x, target] = inputs;
    if (op !== "Reshape" || this.batch === null || !x || !target || !this.fed.has(x)) return inputs;
    const { declared, wanted } = this.batch;
    const sizes = Array.from((constantData(target) ?? []) as ArrayLike<number | bigint>, Number);
    if (sizes[0] !== declared || x.shape[0] !== wanted) return inputs;
    return [x, this.b.ints([wanted, ...sizes.slice(1)])];
  }
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
  { dimensions, shapes }: Required<ParseOptions>,
): Value {
  const value = values.get(info.name);
  if (value === undefined) throw new DataError(`output "${info.name}" is computed by no node.`);
  const { type, shape: declared } = declaredType(info, dimensions);
  // Declared for other inputs than those asked for.
  const shape = Object.keys(shapes).length > 0 ? null : declared;
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
