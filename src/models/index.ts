/**
 * The EfficientNet family as graphs, from one scaling table and one block, and the directory that a model is kept in. In: an
 * architecture and normalised pictures. Out: logits, and the values at which FixRes cuts. Papers: arXiv 1905.11946
 * (EfficientNet), 2003.08237 (FixEfficientNet).
 *
 * @module
 */

export { type Anatomy, anatomyOf, type Classifier, type LastNorm } from "./anatomy.js";
export { averageModels } from "./average.js";
export { type Affine, type Normalized, pointwiseBatchNorm } from "./batch-norm.js";
export { type FamilyRow, familyTable, multiplyAdds, networkMultiplyAdds, parameterCount } from "./cost.js";
export { type InputSpec, loadModel, type ModelFile, type Provenance, saveModel } from "./directory.js";
export { efficientnet, type Network, type NetworkOptions } from "./efficientnet.js";
export {
  ARCHITECTURES,
  type Architecture,
  architecture,
  B0_STAGES,
  type BlockSpec,
  blocksOf,
  type StageSpec,
  scaledChannels,
} from "./family.js";
export { modelFingerprint, parametersOfModel } from "./fingerprint.js";
export { IMAGENET_IDS, IMAGENET_NAMES } from "./imagenet.js";
export { type Imported, type ImportOptions, importModel } from "./import.js";
export { inferenceGraph, possibleBatch, usualBatch, weightsOf } from "./inference.js";
export { initialTensor, initialWeights, isTrainable, parametersOf } from "./initialize.js";
export { type Inspection, inspectModel, type Part } from "./inspect.js";
export type { BatchStatistics, Noise, TrainingBehaviour } from "./layers.js";
export {
  checkTensors,
  type EfficientNet,
  expectedClasses,
  freshModel,
  isEfficientNet,
  type Model,
  modelFile,
} from "./model.js";
export { SCHEMES, type SchemeName } from "./names.js";
export { isOnnxNetwork, type OnnxInput, type OnnxNetwork } from "./onnx-network.js";
export { IMAGENET_NORMALIZATION, type Normalization, normalized, type Size } from "./preprocess.js";
export { type PretrainedConfig, pretrainedConfig } from "./pretrained-config.js";
export { inferenceProgram, withWeights } from "./program.js";
export { PUBLISHED_WEIGHTS, publishedWeights } from "./published-weights.js";
