import { DataError, UnsupportedOperatorError } from "../errors.js";
import { ARRAYS, type DataType, elements, type Shape, type TypedArray } from "./graph.js";
import { TYPE_CODES } from "./operators/layout.js";
import { type TensorProto, TensorProto_DataLocation } from "./proto/onnx_pb.js";

/** Where the data of a parameter is: in memory, or in a file beside the graph. */
export type StoredBinding =
  | { readonly kind: "data"; readonly data: TypedArray }
  | { readonly kind: "file"; readonly location: string; readonly offset: number; readonly length: number };

/** A path that starts at a root or a drive, or climbs out of its folder. */
const LEAVES_FOLDER = /^([/\\]|[A-Za-z]:)|(^|[/\\])\.\.([/\\]|$)/;

/** The element type of ONNX's number for it. @throws {UnsupportedOperatorError} for one that graphs here do not have */
export function dataType(code: number, what: string): DataType {
  const types = Object.keys(TYPE_CODES) as DataType[];
  const found = types.find((type) => TYPE_CODES[type] === code);
  if (found === undefined) {
    throw new UnsupportedOperatorError(
      `${what} has ONNX's element type ${code}, which is not supported; types are ${types.join(", ")}.`,
    );
  }
  return found;
}

/** Dimensions as numbers. @throws {DataError} where one is negative, or all of them together are absurd */
export function shapeOf(dimensions: readonly (bigint | number)[], what: string): number[] {
  const shape = dimensions.map(Number);
  if (shape.some((n) => !Number.isInteger(n) || n < 0) || !Number.isSafeInteger(elements(shape)))
    throw new DataError(`${what} has the shape [${dimensions.join(", ")}], which no tensor has.`);
  return shape;
}

/** What a tensor of a model holds: its type, its shape, and its elements or where they are. */
export interface StoredTensor {
  readonly type: DataType;
  readonly shape: Shape;
  readonly binding: StoredBinding;
}

/**
 * Reads a tensor of a model. Nothing is allocated by what its shape claims, only by the bytes that are there.
 * @throws {DataError} where the elements do not fill the shape, or lie in a file outside the model's folder
 */
export function storedTensor(tensor: TensorProto, what: string): StoredTensor {
  const type = dataType(tensor.dataType, what);
  const shape = shapeOf(tensor.dims, what);
  const external = tensor.dataLocation === TensorProto_DataLocation.EXTERNAL;
  return {
    type,
    shape,
    binding: external
      ? fileBinding(tensor, type, shape, what)
      : { kind: "data", data: tensorData(tensor, type, shape, what) },
  };
}

function fileBinding({ externalData }: TensorProto, type: DataType, shape: Shape, what: string): StoredBinding {
  const bytes = elements(shape) * ARRAYS[type].BYTES_PER_ELEMENT;
  const entries = new Map(externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  if (location === "" || LEAVES_FOLDER.test(location) || location.includes("\0"))
    throw new DataError(`${what} lies in "${location}", which leaves the model's folder; this is refused.`);
  const [offset, length] = [entries.get("offset") ?? "0", entries.get("length") ?? String(bytes)];
  if (![offset, length].every((text) => /^\d+$/.test(text) && Number.isSafeInteger(Number(text)))) {
    throw new DataError(`${what} has the offset "${offset}" and the length "${length}"; whole numbers are needed.`);
  }
  if (Number(length) !== bytes) throw new DataError(`${what} has ${length} bytes in a file; ${bytes} are needed.`);
  return { kind: "file", location, offset: Number(offset), length: bytes };
}

/** A tensor's elements, from its bytes or from the field of its type. */
function tensorData(tensor: TensorProto, type: DataType, shape: Shape, what: string): TypedArray {
  const count = elements(shape);
  const Data = ARRAYS[type];
  const { rawData } = tensor;
  if (rawData.length > 0) {
    if (rawData.length !== count * Data.BYTES_PER_ELEMENT)
      throw new DataError(`${what} has ${rawData.length} bytes; ${count * Data.BYTES_PER_ELEMENT} are needed.`);
    // A copy: in the file the elements need not lie at a multiple of their size. Not by `slice`, which gives a view of a Buffer.
    return new Data(new Uint8Array(rawData).buffer);
  }
  const data = listedData(tensor, type);
  if (data.length !== count) throw new DataError(`${what} has ${data.length} elements; ${count} are needed.`);
  return data;
}

/** Elements that are listed one by one; ONNX keeps everything up to 32 bits but floats in one field, float16 as bits. */
function listedData({ floatData, doubleData, int32Data, int64Data }: TensorProto, type: DataType): TypedArray {
  switch (type) {
    case "float32":
      return Float32Array.from(floatData);
    case "float64":
      return Float64Array.from(doubleData);
    case "int64":
      return BigInt64Array.from(int64Data);
    case "int32":
      return Int32Array.from(int32Data);
    case "int8":
      return Int8Array.from(int32Data);
    case "float16":
      return Uint16Array.from(int32Data);
    case "uint8":
    case "bool":
      return Uint8Array.from(int32Data);
    default:
      return type satisfies never;
  }
}
