import type { TopLevelSpec } from "vega-lite";
import type { RunFindings } from "../findings/index.js";
import type { TextTable } from "../results.js";

/** A figure as data: what draws it, and what it shows for those who do not see it. */
export interface Figure {
  /** Of its files, such as `confusion-counts`. */
  readonly name: string;
  readonly title: string;
  /** What belongs below the title, such as how bars are to be read. */
  readonly subtitle?: string;
  /** Vega-Lite, in light colours and without the title; it holds all its data. */
  readonly spec: TopLevelSpec;
  /** What it shows, in a sentence or two. */
  readonly alt: string;
  /** The numbers that it is drawn from. */
  readonly table: TextTable;
  /** What a reader must know of it, such as that it shows a part only. */
  readonly note?: string;
}

/** A figure that a run has no data for. */
export interface AbsentFigure {
  readonly title: string;
  /** Why, and how to get it. */
  readonly why: string;
}

/** Makes the figures of one kind from what a run left, or says why there are none. */
export type FigureMaker = (found: RunFindings) => readonly Figure[] | AbsentFigure;

/** Side of the area that is drawn in, px: with axes and margins a figure is not much wider than a telephone. */
export const WIDTH = 400;
export const HEIGHT = 260;
