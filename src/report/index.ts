/**
 * What a reader is shown. In: accuracies with their intervals. Out: charts as SVG and PNG, and self-contained pages.
 *
 * @module
 */
export { sweepChart } from "./chart.js";
export { type Page, page } from "./page.js";
export { svgToPng } from "./png.js";
export { gainsText, reproductionMarkdown, reproductionTable } from "./reproduction.js";
export { markdownTable, pairsText, resultsCsv, resultsTable, type TextTable } from "./results.js";
export type { SweepChart, SweepPoint } from "./spec.js";
