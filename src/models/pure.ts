/**
 * What of this folder runs anywhere, in a page too: no files, nothing of Node's. A part of `index.ts`, for rooms that pages load.
 *
 * @module
 */
export { type Anatomy, anatomyOf, type LastNorm } from "./anatomy.js";
export { pointwiseBatchNorm } from "./batch-norm.js";
export { efficientnet } from "./efficientnet.js";
export { type Architecture, blocksOf } from "./family.js";
export { inferenceGraph, possibleBatch, weightsOf } from "./inference.js";
export { initialTensor, parametersOf } from "./initialize.js";
export type { BatchStatistics } from "./layers.js";
export {
  type EfficientNet,
  expectedClasses,
  familyModel,
  isEfficientNet,
  type Model,
  modelFile,
  modelOfFile,
} from "./model.js";
export { isOnnxNetwork, onnxGraph, onnxNetwork, ownResolution } from "./onnx-network.js";
export type { Size } from "./preprocess.js";
