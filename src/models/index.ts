/**
 * The EfficientNet family as graphs, from one scaling table and one block, and the directory that a model is kept in. In: an
 * architecture and normalised pictures. Out: logits, and the values at which FixRes cuts. Papers: arXiv 1905.11946
 * (EfficientNet), 2003.08237 (FixEfficientNet).
 *
 * @module
 */
export { type FamilyRow, familyTable, multiplyAdds, networkMultiplyAdds, parameterCount } from "./cost.js";
export {
  checkTensors,
  expectedClasses,
  freshModel,
  type InputSpec,
  loadModel,
  type Model,
  type Provenance,
  saveModel,
} from "./directory.js";
export {
  type Cut,
  efficientnet,
  efficientnetTop,
  type Network,
  type NetworkOptions,
  type Top,
} from "./efficientnet.js";
export { checkExport, type ExportOptions, exportOnnx } from "./export.js";
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
export { IMAGENET_IDS, IMAGENET_NAMES } from "./imagenet.js";
export { type Imported, type ImportOptions, importModel } from "./import.js";
export { type InferenceGraph, inferenceGraph, inferenceProgram } from "./inference.js";
export { initialWeights, isTrainable, parametersOf } from "./initialize.js";
export type { BatchStatistics, Noise, TrainingBehaviour } from "./layers.js";
export { SCHEMES, type SchemeName } from "./names.js";
export { IMAGENET_NORMALIZATION, type Normalization, normalized } from "./preprocess.js";
export { type PretrainedConfig, pretrainedConfig } from "./pretrained-config.js";
export { PUBLISHED_WEIGHTS, publishedWeights } from "./published-weights.js";
