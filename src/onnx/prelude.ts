import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { attributeProto } from "./attributes.js";
import { changed } from "./changed.js";
import type { Attributes } from "./graph.js";
import { OPERATORS, type OperatorName } from "./operators/index.js";
import { TYPE_CODES } from "./operators/layout.js";
import type { Operator } from "./operators/operator.js";
import type { OnnxFile } from "./parse.js";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProtoSchema,
} from "./proto/onnx_pb.js";
import { valueInfo } from "./serialize.js";
import { dataType } from "./tensors.js";

/** A node by the names of its operands, of shapes that are known only when it runs. */
export interface OpenNode {
  readonly op: OperatorName | "Shape";
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Attributes;
}

/** What is computed before a model's input, from another one of the same element type. */
export interface Prelude {
  /** Names of the dimensions of its input, or their sizes; it is called as the model's was. */
  readonly dimensions: readonly (string | number)[];
  /** Vectors of whole numbers, and numbers by themselves, by name. */
  readonly constants: Readonly<Record<string, readonly number[] | number>>;
  readonly nodes: readonly OpenNode[];
}

/** What follows a prelude's name of a value that takes the place of the model's input. */
const REPLACED = "/inside";

/**
 * Puts nodes before the one input of a model. The last of them gives the model's old input, under the name of that with
 * `/inside`.
 */
export function withPrelude(bytes: Uint8Array, { dimensions, constants, nodes }: Prelude): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const graph = model.graph!;
  const input = graph.input[0]!;
  const { name } = input;
  const inside = name + REPLACED;
  for (const node of graph.node) node.input = node.input.map((operand) => (operand === name ? inside : operand));
  const made = nodes.map(({ op, inputs, output, attributes = {} }, i) => {
    const kinds = op === "Shape" ? {} : (OPERATORS[op] as Operator).attributes;
    return create(NodeProtoSchema, {
      name: `prelude/${op}_${i}`,
      opType: op,
      input: inputs.map((operand) => (operand === "" || operand === name ? operand : `prelude/${operand}`)),
      output: [i === nodes.length - 1 ? inside : `prelude/${output}`],
      attribute: Object.entries(attributes).map(([key, value]) => attributeProto(key, kinds[key]!, value)),
    });
  });
  graph.valueInfo.push({ ...input, name: inside });
  const tensor = input.type?.value.case === "tensorType" ? input.type.value.value : null;
  const type = dataType(tensor?.elemType ?? TYPE_CODES.uint8, `input "${name}"`);
  const shape = dimensions.map((size) => (typeof size === "number" ? size : 1));
  const open = Object.fromEntries(dimensions.flatMap((size, axis) => (typeof size === "string" ? [[axis, size]] : [])));
  graph.input = [valueInfo(name, { type, shape }, open)];
  graph.node = [
    ...Object.entries(constants).map(([key, value]) => constant(`prelude/${key}`, value)),
    ...made,
    ...graph.node,
  ];
  return toBinary(ModelProtoSchema, model);
}

function constant(name: string, value: readonly number[] | number): NodeProto {
  const values = typeof value === "number" ? [value] : value;
  const t = create(TensorProtoSchema, {
    name,
    dataType: TYPE_CODES.int64,
    dims: typeof value === "number" ? [] : [BigInt(values.length)],
    rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  });
  const type = AttributeProto_AttributeType.TENSOR;
  const attribute = [create(AttributeProtoSchema, { name: "value", type, t })];
  return create(NodeProtoSchema, { name, opType: "Constant", output: [name], attribute });
}

/** The model without the prelude that `withPrelude` put before it, or as it is. */
export function withoutPrelude(file: OnnxFile): OnnxFile {
  const { graph } = file;
  const inside = graph.valueInfo.find(({ name }) => name === `${graph.input[0]?.name}${REPLACED}`);
  const last = graph.node.findIndex(({ output }) => inside !== undefined && output.includes(inside.name));
  if (inside === undefined || last < 0) return file;
  const node = graph.node.filter(({ name }, i) => i > last || !name.startsWith("prelude/"));
  return changed(file, { graph: changed(graph, { input: [inside], node }) });
}
