import { create } from "@bufbuild/protobuf";
import { DataError, UnsupportedOperatorError } from "../errors.js";
import type { Attribute, DataType, Shape, TypedArray } from "./graph.js";
import { OPERATORS, type OperatorName } from "./operators/index.js";
import type { AttributeKind, Operator } from "./operators/operator.js";
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as Kind,
  type NodeProto,
} from "./proto/onnx_pb.js";
import { storedTensor } from "./tensors.js";

/** ONNX's numbers for the kinds of attributes that operators here have. */
const ATTRIBUTE_TYPES = {
  int: Kind.INT,
  float: Kind.FLOAT,
  string: Kind.STRING,
  ints: Kind.INTS,
  floats: Kind.FLOATS,
} as const satisfies Record<AttributeKind, Kind>;

/**
 * The attributes of a node as the builder takes them. Those that the operator does not have are left for it to refuse.
 * @throws {DataError} where an attribute is of another kind than the operator's
 */
export function attributesOf(node: NodeProto, name: string): Record<string, Attribute> {
  const { attributes: kinds }: Operator = OPERATORS[node.opType as OperatorName];
  return Object.fromEntries(
    node.attribute.map((attribute) => {
      const kind = Object.hasOwn(kinds, attribute.name) ? kinds[attribute.name]! : null;
      if (kind !== null && attribute.type !== ATTRIBUTE_TYPES[kind]) {
        throw new DataError(
          `${node.opType} "${name}": attribute "${attribute.name}" is of ONNX's kind ${attribute.type}, not ${ATTRIBUTE_TYPES[kind]} (${kind}).`,
        );
      }
      return [attribute.name, kind === null ? 0 : attributeValue(attribute, kind)];
    }),
  );
}

function attributeValue({ i, f, s, ints, floats }: AttributeProto, kind: AttributeKind): Attribute {
  switch (kind) {
    case "int":
      return Number(i);
    case "float":
      return shortest(f);
    case "string":
      return new TextDecoder().decode(s);
    case "ints":
      return ints.map(Number);
    case "floats":
      return floats;
    default:
      return kind satisfies never;
  }
}

/** A float32 as the shortest number that rounds to it: 0.001 again, not 0.0010000000474974513. */
function shortest(float: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(float.toPrecision(digits));
    if (Math.fround(short) === float) return short;
  }
  return float;
}

/** What a `Constant` node holds. @throws {UnsupportedOperatorError} for strings and sparse tensors */
export function constantOf(
  { attribute: attributes }: NodeProto,
  name: string,
): { data: TypedArray; type: DataType; shape: Shape } {
  const [attribute] = attributes;
  switch (attribute?.name) {
    case "value": {
      if (attribute.t === undefined) break;
      const { type, shape, binding } = storedTensor(attribute.t, `constant "${name}"`);
      if (binding.kind === "data") return { data: binding.data, type, shape };
      break;
    }
    case "value_float":
      return { data: Float32Array.of(attribute.f), type: "float32", shape: [] };
    case "value_floats":
      return { data: Float32Array.from(attribute.floats), type: "float32", shape: [attribute.floats.length] };
    case "value_int":
      return { data: BigInt64Array.of(attribute.i), type: "int64", shape: [] };
    case "value_ints":
      return { data: BigInt64Array.from(attribute.ints), type: "int64", shape: [attribute.ints.length] };
  }
  throw new UnsupportedOperatorError(
    `Constant "${name}" holds nothing that is supported: a tensor in the file itself, floats or whole numbers.`,
  );
}

/** An attribute as ONNX stores it. */
export function attributeProto(name: string, kind: AttributeKind, value: Attribute): AttributeProto {
  const type = ATTRIBUTE_TYPES[kind];
  switch (kind) {
    case "int":
      return create(AttributeProtoSchema, { name, type, i: BigInt(value as number) });
    case "float":
      return create(AttributeProtoSchema, { name, type, f: value as number });
    case "string":
      return create(AttributeProtoSchema, { name, type, s: new TextEncoder().encode(value as string) });
    case "ints":
      return create(AttributeProtoSchema, { name, type, ints: (value as readonly number[]).map(BigInt) });
    case "floats":
      return create(AttributeProtoSchema, { name, type, floats: [...(value as readonly number[])] });
    default:
      return kind satisfies never;
  }
}
