/**
 * Tensors by name, in files. In: the bytes of safetensors files, from anyone. Out: checked tensors. Format:
 * https://huggingface.co/docs/safetensors.
 *
 * @module
 */
export {
  decodeSafetensors,
  type Entry,
  encodeSafetensors,
  readSafetensors,
  type Safetensors,
  writeSafetensors,
} from "./safetensors.js";
export type { Tensor } from "./tensor.js";
