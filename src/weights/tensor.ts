import type { DataType, Shape, TypedArray } from "../onnx/index.js";

/** A tensor's data, row-major. */
export interface Tensor {
  readonly type: DataType;
  readonly shape: Shape;
  readonly data: TypedArray;
}
