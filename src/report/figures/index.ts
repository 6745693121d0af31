/**
 * Figures of a run, one kind a file. In: what a run left. Out: each figure as data (a Vega-Lite specification, a table, a sentence),
 * and as SVG. A figure that a run has no data for is left out, with the reason.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { drawn } from "../draw.js";
import type { RunFindings } from "../findings/index.js";
import { recoloured } from "../theme.js";
import { confusedPairs } from "./confused-pairs.js";
import { confusionMatrix } from "./confusion.js";
import { curves } from "./curves.js";
import type { AbsentFigure, Figure, FigureMaker } from "./figure.js";
import { objectSizes } from "./object-sizes.js";
import { besidePublished } from "./published.js";
import { reliability } from "./reliability.js";
import { resolution } from "./resolution.js";

export { cellId, hasCells } from "./confusion.js";
export type { AbsentFigure, Figure } from "./figure.js";

/** In the order of a report. */
const MAKERS: readonly FigureMaker[] = [
  ...[resolution, besidePublished, curves, objectSizes],
  ...[confusionMatrix, confusedPairs, reliability],
];

/** All figures of a run, and those that it has no data for. */
export function figuresOf(found: RunFindings): { figures: Figure[]; absent: AbsentFigure[] } {
  const made = MAKERS.map((make) => make(found));
  return {
    figures: made.flatMap((one) => ("why" in one ? [] : one)),
    absent: made.flatMap((one) => ("why" in one ? [one] : [])),
  };
}

/** Colours of a drawn figure: for a light or a dark ground, or by the page's CSS variables (`CHART_VARIABLES`). */
export type FigureLook = "light" | "dark" | "variables";

/** A figure as SVG, for a file, or without its title for a page that has it. */
export async function figureSvg(
  { spec, alt, title, subtitle }: Pick<Figure, "spec" | "alt" | "title" | "subtitle">,
  { look = "light", titled = true }: { readonly look?: FigureLook; readonly titled?: boolean } = {},
): Promise<string> {
  const head = { title: { text: title, ...(subtitle !== undefined && { subtitle }) } };
  const svg = await drawn(titled ? ({ ...spec, ...head } as TopLevelSpec) : spec, alt);
  return look === "light" ? svg : recoloured(svg, look);
}
