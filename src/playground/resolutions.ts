import type { ModelCard } from "./protocol.js";

/** The test resolutions that the page offers for a model, px: half of its training resolution to three times it. */
export function resolutionsOf({ trainResolution, only }: Pick<ModelCard, "trainResolution" | "only">) {
  if (only !== null) return { min: only, max: only, step: 1 };
  const step = Math.max(4, 4 * Math.round(trainResolution / 128));
  const steps = (factor: number): number => step * Math.max(1, Math.round((factor * trainResolution) / step));
  return { min: steps(0.5), max: steps(3), step };
}

/** Those at which models are measured, px: around the training resolution, and the one that was fixed for. */
export function measuredResolutions(card: Pick<ModelCard, "trainResolution" | "only">, fixedFor: number): number[] {
  if (card.only !== null) return [card.only];
  const { step } = resolutionsOf(card);
  const around = [0.75, 1, 1.25, 1.5, 2].map((factor) => step * Math.round((factor * card.trainResolution) / step));
  return [...new Set([...around, fixedFor])].sort((a, b) => a - b);
}
