/**
 * Tensors by name, and the files that they travel in. In: safetensors files from anywhere, trusted in nothing. Out: views
 * on their bytes, with the place of each in the file. Format: https://github.com/huggingface/safetensors.
 *
 * @module
 */
export { indexSafetensors, type SafetensorsIndex, type TensorLocation } from "./header.js";
export { encodeSafetensors, readSafetensors, type Safetensors, viewTensors, writeSafetensors } from "./safetensors.js";
export type { Tensor, Tensors } from "./tensor.js";
