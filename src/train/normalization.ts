import { type EfficientNet, HALF_NORMALIZATION, IMAGENET_NORMALIZATION } from "../models/index.js";
import type { TrainOptions } from "./options.js";

/**
 * The model with the mean and deviation of pictures that a run asks for. Weights that were trained go on with those that they were
 * trained with, whatever is asked for.
 */
export function normalizedFor(
  model: EfficientNet,
  { normalization }: Pick<TrainOptions, "normalization">,
): EfficientNet {
  if (normalization === "model" || !model.provenance.every(({ what }) => what === "initialised")) return model;
  const { mean, std } = normalization === "half" ? HALF_NORMALIZATION : IMAGENET_NORMALIZATION;
  return { ...model, input: { ...model.input, mean: [...mean], std: [...std] } };
}
