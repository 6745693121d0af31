/**
 * The EfficientNet family as graphs, from one scaling table and one block. In: an architecture and normalised pictures.
 * Out: logits, and the values at which FixRes cuts. Papers: arXiv 1905.11946 (EfficientNet), 2003.08237 (FixEfficientNet).
 *
 * @module
 */
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
export type { BatchStatistics, Noise, TrainingBehaviour } from "./layers.js";
export { IMAGENET_NORMALIZATION, type Normalization, normalized } from "./preprocess.js";
