/**
 * Tensors by name, and the files that they travel in. In: safetensors files and checkpoints of PyTorch and TensorFlow from anywhere,
 * trusted in nothing. Out: tensors, read one by one or as views on the file. Format: https://github.com/huggingface/safetensors.
 *
 * @module
 */
export { transposed } from "./elements.js";
export { indexSafetensors, type SafetensorsIndex, type TensorLocation } from "./header.js";
export { openWeights } from "./open.js";
export {
  encodeSafetensors,
  openSafetensors,
  readSafetensors,
  type Safetensors,
  viewTensors,
  writeSafetensors,
} from "./safetensors.js";
export type { LazyTensor, WeightSource } from "./source.js";
export type { Tensor, Tensors } from "./tensor.js";
