import type { Model } from "../../models/pure.js";

/** The side of the crops that a model was trained with, as far as it says, px. */
export function trainedResolution({ provenance, input }: Pick<Model, "provenance" | "input">): number {
  const number = (value: unknown): number | null => (typeof value === "number" ? value : null);
  const trained = number(provenance.findLast(({ what }) => what === "trained")?.resolution);
  return trained ?? number(provenance.find(({ what }) => what === "tuned")?.trainedAt) ?? input.resolution;
}
