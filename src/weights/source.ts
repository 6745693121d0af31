import type { Shape } from "../onnx/index.js";
import type { Tensor } from "./tensor.js";

/** A tensor of a weight file, read only when it is asked for. */
export interface LazyTensor {
  /** Its element type in the file, such as `bfloat16`. */
  readonly dtype: string;
  readonly shape: Shape;
  /** The elements in row-major order; floating-point ones of any width as float32. */
  read(): Promise<Tensor>;
}

/** A weight file that is open, whatever its format. */
export interface WeightSource {
  /** Tensors by the file's own names, in its order. */
  readonly tensors: ReadonlyMap<string, LazyTensor>;
  /** Free-form words that travel with the file. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What the user should know, such as which part of a checkpoint was taken. */
  readonly notes: readonly string[];
  close(): Promise<void>;
}
