import type { DataType, Shape, TypedArray } from "../onnx/index.js";

/** A block of numbers with its element type and dimensions. */
export interface Tensor {
  readonly type: DataType;
  readonly shape: Shape;
  /** Elements in row-major order: float16 as its bits, bool as bytes of 0 and 1. */
  readonly data: TypedArray;
}

/** Tensors by name, as a state dict has them. */
export type Tensors = ReadonlyMap<string, Tensor>;

/** The array class that holds elements of each type. */
export const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const satisfies Record<DataType, unknown>;

/** Bytes an element takes. */
export const bytesPerElement = (type: DataType): number => ARRAYS[type].BYTES_PER_ELEMENT;
