/**
 * Tensors by name, and the files that they travel in. In: safetensors files and checkpoints of PyTorch and TensorFlow from anywhere,
 * the Hugging Face hub too, trusted in nothing. Out: tensors, read one by one or as views on the file. Format:
 * https://github.com/huggingface/safetensors.
 *
 * @module
 */
export { transposed } from "./elements.js";
export { fromFloat16 } from "./half.js";
export { indexSafetensors, type SafetensorsIndex, type TensorLocation } from "./header.js";
export type { HubSurroundings, HubWeights } from "./hub/fetch.js";
export { fetchFromHub } from "./hub/later.js";
export { type HubName, hubName, pinned } from "./hub/name.js";
export { type HubSettings, hubSettings } from "./hub/settings.js";
export { createNpy, type Npy, type NpyArray, type NpyWriter, openNpy } from "./npy.js";
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
export type { Tensor, TensorPlace, Tensors } from "./tensor.js";
export { maskedChecksum } from "./tensorflow/checksum.js";
export { openUnread } from "./unread.js";
