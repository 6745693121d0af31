import { create, toBinary } from "@bufbuild/protobuf";
import { RequestError } from "../errors.js";
import { attributeProto } from "./attributes.js";
import { GraphBuilder } from "./builder.js";
import {
  elements,
  type Graph,
  type Node,
  nodesFor,
  parametersFor,
  showShape,
  type TensorType,
  type TypedArray,
  type Value,
} from "./graph.js";
import type { Loop } from "./operators/engine.js";
import { OPSET, operatorNamed } from "./operators/index.js";
import { TYPE_CODES } from "./operators/layout.js";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "./proto/onnx_pb.js";
import type { StoredBinding } from "./tensors.js";

/** How a parameter is bound: to data, or fed as an input at each run. */
export type Binding = StoredBinding | { readonly kind: "input" };

export interface SerializeOptions {
  /** How each parameter is bound; every one is an input where this is absent. */
  readonly bind?: (parameter: Value) => Binding;
  /** Free-form facts that travel with the file, such as class names. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * Names of dimensions that are left open, by the name of an input or output and the axis: { pixels: { 0: "batch" } }. Nothing
   * in the graph may depend on the size that they have here.
   */
  readonly open?: Readonly<Record<string, Readonly<Record<number, string>>>>;
}

/**
 * A graph as the bytes of an ONNX model (IR 9, opset 18). Nodes that no output needs are left out. A parameter in a file
 * becomes external data, so that the graph itself is a few kilobytes. Parameters are initializers and constants are
 * `Constant` nodes, which tells them apart when the model is read again.
 * @throws {RequestError} where bound data do not fit a parameter's shape, two of the inputs, parameters and outputs share a
 * name, or an output needs an input that the graph does not list
 */
export function serialize(graph: Graph, { metadata = {}, ...options }: SerializeOptions = {}): Uint8Array {
  const domains = new Set(nodesFor(Object.values(graph.outputs)).map(domainOf));
  const model = create(ModelProtoSchema, {
    irVersion: 9n,
    opsetImport: [
      { domain: "", version: BigInt(OPSET) },
      ...[...domains].filter(Boolean).map((domain) => ({ domain, version: 1n })),
    ],
    producerName: "fixres",
    graph: graphProto(graph, options),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  return toBinary(ModelProtoSchema, model);
}

function graphProto(graph: Graph, { bind = () => ({ kind: "input" }), open = {} }: SerializeOptions): GraphProto {
  const outputs = Object.entries(graph.outputs);
  const roots = Object.values(graph.outputs);
  const nodes = nodesFor(roots);
  const operands = new Set([...nodes.flatMap((node) => node.inputs), ...roots]);
  const parameters = parametersFor(roots);
  const nameOf = namesOf(graph, parameters, nodes);

  const initializer: TensorProto[] = [];
  const inputs = graph.inputs.map((value) => valueInfo(value.name, value, open[value.name]));
  for (const parameter of parameters) {
    const binding = bind(parameter);
    if (binding.kind === "input") inputs.push(valueInfo(parameter.name, parameter));
    else initializer.push(tensorProto(parameter, binding));
  }
  const computed = nodes.map((node) => nodeProto(node, nameOf));
  const constants = [...operands].flatMap((value) =>
    value?.source.kind === "constant" ? [constantNode(nameOf(value), value, value.source.data)] : [],
  );
  // An output carries its own name where a node makes it; anything else reaches it through an Identity.
  const identities = outputs
    .filter(([name, value]) => nameOf(value) !== name)
    .map(([name, value]) =>
      create(NodeProtoSchema, { name, opType: "Identity", input: [nameOf(value)], output: [name] }),
    );
  // The engine refuses two nodes of one name too.
  const unused = distinct();
  for (const node of [...computed, ...constants, ...identities]) node.name = unused(node.name);

  return create(GraphProtoSchema, {
    name: graph.name,
    node: [...constants, ...computed, ...identities],
    initializer,
    input: inputs,
    output: outputs.map(([name, value]) => valueInfo(name, value, open[name])),
  });
}

/**
 * The name of each value in the model, "" for an absent operand. Inputs, parameters and outputs keep theirs; what is inside
 * gives way, since a graph may hold values of several builders.
 */
function namesOf(graph: Graph, parameters: readonly Value[], nodes: readonly Node[]): (value: Value | null) => string {
  const names = new Map<Value, string>();
  const taken = new Set<string>();
  for (const value of [...graph.inputs, ...parameters]) {
    if (taken.has(value.name))
      throw new RequestError(`graph "${graph.name}" has two inputs or parameters "${value.name}"; rename one.`);
    taken.add(value.name);
    names.set(value, value.name);
  }
  for (const [name, value] of Object.entries(graph.outputs)) {
    // A graph may hand an input on under the same name.
    if (taken.has(name) && names.get(value) !== name)
      throw new RequestError(`output "${name}" of graph "${graph.name}" has the name of an input; rename one.`);
    taken.add(name);
    if (value.source.kind === "node") names.set(value, name);
  }
  const unused = distinct(taken);
  const roots = Object.values(graph.outputs);
  for (const value of [...nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]), ...roots]) {
    if (value === null || names.has(value)) continue;
    if (value.source.kind === "input")
      throw new RequestError(`graph "${graph.name}" needs the input "${value.name}", which it does not list.`);
    names.set(value, unused(value.name));
  }
  return (value) => (value === null ? "" : names.get(value)!);
}

/** Gives each name that it is asked for, or the nearest that is not taken, and takes it. */
function distinct(taken: Set<string> = new Set()): (name: string) => string {
  return (wanted) => {
    let name = wanted;
    for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`;
    taken.add(name);
    return name;
  };
}

const constantNode = (name: string, value: Value, data: TypedArray) =>
  create(NodeProtoSchema, {
    name,
    opType: "Constant",
    output: [name],
    attribute: [
      create(AttributeProtoSchema, {
        name: "value",
        type: AttributeProto_AttributeType.TENSOR,
        t: tensorProto(value, { kind: "data", data }),
      }),
    ],
  });

/** What a model declares of an input or output; `open` names the dimensions that are left so, by axis. */
export const valueInfo = (name: string, { type, shape }: TensorType, open: Readonly<Record<number, string>> = {}) =>
  create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: "tensorType",
        value: {
          elemType: TYPE_CODES[type],
          shape: { dim: shape.map((n, axis) => ({ value: dimension(n, open[axis]) })) },
        },
      },
    },
  });

const dimension = (size: number, symbol: string | undefined) =>
  symbol === undefined
    ? { case: "dimValue" as const, value: BigInt(size) }
    : { case: "dimParam" as const, value: symbol };

function tensorProto(value: Value, binding: StoredBinding): TensorProto {
  const tensor = create(TensorProtoSchema, {
    name: value.name,
    dataType: TYPE_CODES[value.type],
    dims: value.shape.map(BigInt),
  });
  switch (binding.kind) {
    case "data": {
      const { buffer, byteOffset, byteLength, length } = binding.data;
      const wanted = elements(value.shape);
      if (length !== wanted)
        throw new RequestError(
          `parameter "${value.name}" ${showShape(value.shape)} was bound to ${length} elements; ${wanted} are needed.`,
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

const isLoop = (node: Node): boolean => "body" in operatorNamed(node.op)!;

/** The domain of a node's operator, "" for ONNX's own. */
const domainOf = (node: Node): string => (isLoop(node) ? "" : node.op.slice(0, Math.max(node.op.lastIndexOf("."), 0)));

/** A loop as Scan. Names inside must not be any outside, hence the node's own before them. */
function scanProto(node: Node, body: Loop["body"], nameOf: (value: Value | null) => string) {
  const b = new GraphBuilder();
  const { inputs, outputs } = b.scope(node.name, () => {
    const inputs = node.inputs.map((input, i) => b.input(`${node.name}/${i}`, input!.type, input!.shape.slice(1)));
    return { inputs, outputs: { [`${node.name}/result`]: body(b, inputs) } };
  });
  return create(NodeProtoSchema, {
    name: node.name,
    opType: "Scan",
    input: node.inputs.map(nameOf),
    output: node.outputs.map(nameOf),
    attribute: [
      attributeProto("num_scan_inputs", "int", inputs.length),
      create(AttributeProtoSchema, {
        name: "body",
        type: AttributeProto_AttributeType.GRAPH,
        g: graphProto({ name: node.name, inputs, outputs }, {}),
      }),
    ],
  });
}

function nodeProto(node: Node, nameOf: (value: Value | null) => string) {
  const operator = operatorNamed(node.op)!;
  if ("body" in operator) return scanProto(node, operator.body, nameOf);
  const { attributes: kinds } = operator;
  return create(NodeProtoSchema, {
    name: node.name,
    domain: domainOf(node),
    opType: node.op.slice(node.op.lastIndexOf(".") + 1),
    input: node.inputs.map(nameOf),
    output: node.outputs.map(nameOf),
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, kinds[name]!, value)),
  });
}
