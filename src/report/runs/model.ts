import { trainedResolution } from "../../fixres/index.js";
import { inferenceGraph, type Model, multiplyAdds, parametersOfModel, possibleBatch } from "../../models/index.js";
import type { RunModel } from "./record.js";

/**
 * What a record says of a model.
 * @param resolutions - that the run computes at, px; those that the model cannot take are left out
 * @param trainResolution - side of its training crops, px; what the model says unless given
 */
export function modelOfRun(
  model: Model,
  resolutions: readonly number[],
  trainResolution = trainedResolution(model),
): RunModel {
  return {
    arch: model.arch.name,
    classes: model.classes.length,
    parameters: parametersOfModel(model),
    trainResolution,
    macs: [...new Set(resolutions)].flatMap((resolution) => {
      try {
        const size = { resolution, batch: possibleBatch(model, { resolution, batch: 1 }) };
        return [{ resolution, macs: multiplyAdds(inferenceGraph(model, size)) / size.batch }];
      } catch {
        return []; // The run itself says what is wrong.
      }
    }),
  };
}
