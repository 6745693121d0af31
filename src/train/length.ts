import type { Source } from "../data/index.js";
import { RequestError } from "../errors.js";
import type { TrainOptions } from "./options.js";

/** Whole batches of an epoch. @throws {RequestError} where there is none, or the run makes no update */
export function stepsPerEpoch(
  { samples }: Pick<Source, "samples">,
  { batchSize, epochs, accumulate }: Pick<TrainOptions, "batchSize" | "epochs" | "accumulate">,
): number {
  const steps = Math.floor(samples.length / batchSize);
  if (steps === 0) {
    throw new RequestError(
      `a batch of ${batchSize} is more than the ${samples.length} training pictures; choose at most that.`,
    );
  }
  if (steps * epochs < accumulate) {
    throw new RequestError(
      `an update gathers ${accumulate} batches, but the whole run has ${steps * epochs}; choose at most that.`,
    );
  }
  return steps;
}
