import type { Metric, TrainOptions } from "./options.js";

/** An epoch by what the validation found. */
export interface Placed {
  /** From 1. */
  readonly epoch: number;
  /** Of the run's metric. */
  readonly value: number;
}

/** True where the first value is the better one; a loss is to be low, all else high. */
const isBetter = (metric: Metric, a: number, b: number): boolean => (metric === "loss" ? a < b : a > b);

/** The best epochs so far, the best first and the earlier of equals, with one more. @param keep - how many there may be */
export function placed(standing: readonly Placed[], one: Placed, metric: Metric, keep: number): Placed[] {
  const at = standing.findIndex(({ value }) => isBetter(metric, one.value, value));
  const all = at < 0 ? [...standing, one] : [...standing.slice(0, at), one, ...standing.slice(at)];
  return all.slice(0, Math.max(keep, 1));
}

/** Whether a run is at its end: its epochs are done, or none was the best for `patience` epochs. @param epoch - epochs done */
export function isOver(epoch: number, standing: readonly Placed[], { epochs, patience }: TrainOptions): boolean {
  if (epoch >= epochs) return true;
  return patience > 0 && standing.length > 0 && epoch - standing[0]!.epoch >= patience;
}
