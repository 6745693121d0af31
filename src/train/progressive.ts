import type { TrainOptions } from "./options.js";

/** The resolution of an epoch's training crops, px: the earlier ones and the last each have their share of the epochs. @param epoch - from 0 */
export function resolutionAt(
  { earlierResolutions, resolution, epochs }: Pick<TrainOptions, "earlierResolutions" | "resolution" | "epochs">,
  epoch: number,
): number {
  const stages = [...earlierResolutions, resolution];
  return stages[Math.min(Math.floor((epoch * stages.length) / epochs), stages.length - 1)]!;
}
