import { ARRAYS, type DataType, type Shape, sameShape } from "../onnx/index.js";
import { fromBfloat16, fromFloat16 } from "./half.js";
import type { Tensor } from "./tensor.js";

/** Element types of checkpoints, and the bytes that an element takes in the file. */
export const ELEMENT_BYTES = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
} as const;
export type ElementType = keyof typeof ELEMENT_BYTES;

/** A tensor's elements and their type. */
export type Elements = Omit<Tensor, "shape">;

/** Little-endian bytes as elements: floating-point ones as float32, int16 as int32. */
export function typed(dtype: ElementType, bytes: Uint8Array): Elements {
  // A copy where the bytes do not begin at a multiple of their size.
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const as = <T>(Data: new (buffer: ArrayBuffer, offset: number, length: number) => T, size: number): T =>
    new Data(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.length / size);
  const count = (type: DataType): number => aligned.length / ARRAYS[type].BYTES_PER_ELEMENT;
  switch (dtype) {
    case "float16":
      return { type: "float32", data: fromFloat16(as(Uint16Array, 2)) };
    case "bfloat16":
      return { type: "float32", data: fromBfloat16(as(Uint16Array, 2)) };
    case "float64":
      return { type: "float32", data: Float32Array.from(as(Float64Array, 8)) };
    case "int16":
      return { type: "int32", data: Int32Array.from(as(Int16Array, 2)) };
    default:
      return { type: dtype, data: new ARRAYS[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, count(dtype)) };
  }
}

/** Which elements of a block a tensor is made of. */
export interface Window {
  readonly offset: number;
  readonly shape: Shape;
  /** How many elements further the next one along each axis lies. */
  readonly strides: Shape;
  readonly count: number;
}

/** The elements of a window in row-major order. */
export function window({ type, data }: Elements, { offset, shape, strides, count }: Window): Elements {
  // Most tensors have a block of their own.
  if (count === data.length && sameShape(strides, contiguous(shape))) return { type, data };
  if (count === 0 || sameShape(strides, contiguous(shape))) return { type, data: data.slice(offset, offset + count) };
  const out = new ARRAYS[type](count);
  const index = shape.map(() => 0);
  for (let i = 0, at = offset; i < count; i++) {
    out[i] = data[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { type, data: out };
}

/** A tensor with its axes in another order: axis i of the result is `axes[i]` of the tensor. */
export function transposed({ shape, ...elements }: Tensor, axes: readonly number[]): Tensor {
  const strides = contiguous(shape);
  const turned = { shape: axes.map((axis) => shape[axis]!), strides: axes.map((axis) => strides[axis]!) };
  return { shape: turned.shape, ...window(elements, { offset: 0, count: elements.data.length, ...turned }) };
}

/** Strides without gaps; those of axes of length 1 are any. */
function contiguous(shape: Shape): number[] {
  const strides: number[] = [];
  for (let axis = shape.length - 1, step = 1; axis >= 0; step *= shape[axis]!, axis--) strides[axis] = step;
  return strides;
}
