import type { TrainOptions } from "../options.js";

/** What a student's targets are: the teacher's probabilities, or its likeliest class. */
export const PSEUDO_LABELS = ["soft", "hard"] as const;

/** Pictures of a step: `batchSize` labelled ones, and so many times as many that a teacher labelled, rounded. */
export const rowsOfStep = ({
  batchSize,
  unlabelledRatio,
}: Pick<TrainOptions, "batchSize" | "unlabelledRatio">): number => batchSize + Math.round(unlabelledRatio * batchSize);
