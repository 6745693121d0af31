import { ARRAYS, type DataType, type Shape, type TypedArray } from "../onnx/index.js";

/** A block of numbers with its element type and dimensions. */
export interface Tensor {
  readonly type: DataType;
  readonly shape: Shape;
  /** Elements in row-major order: float16 as its bits, bool as bytes of 0 and 1. */
  readonly data: TypedArray;
  /** Where the same bytes lie on disk, as long as nobody has looked at `data`, which reads them. */
  readonly place?: TensorPlace | null;
}

/** A part of a file. */
export interface TensorPlace {
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** Tensors by name, as a state dict has them. */
export type Tensors = ReadonlyMap<string, Tensor>;

/** Bytes an element takes. */
export const bytesPerElement = (type: DataType): number => ARRAYS[type].BYTES_PER_ELEMENT;
