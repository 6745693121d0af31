import type { Source } from "../data/index.js";
import type { TrainOptions } from "./options.js";

/**
 * A factor a class in inverse proportion to its pictures, N / (classes · its pictures), so that the mean over all pictures is 1
 * (scikit-learn's `balanced`); 1 for a class without any.
 */
export function balancedWeights({ samples, classes }: Pick<Source, "samples" | "classes">): number[] {
  const counts = new Array<number>(classes.length).fill(0);
  for (const { label } of samples) counts[label]!++;
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count === 0 ? 1 : samples.length / (present * count)));
}

/** The factors that a run's options ask for. */
export const weightsInLoss = (
  { classWeights }: Pick<TrainOptions, "classWeights">,
  source: Pick<Source, "samples" | "classes">,
): number[] | undefined => (classWeights === "balanced" ? balancedWeights(source) : undefined);
