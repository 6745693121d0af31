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
export {
  flatSettings,
  isRun,
  modelOfRun,
  type Recording,
  RUN_KINDS,
  RUN_STATUSES,
  type RunEpoch,
  type RunKind,
  type RunModel,
  type RunRecord,
  type RunStart,
  type RunStatus,
  readRun,
  recorded,
  runFile,
  type Setting,
  statusOf,
  writeRun,
} from "./runs/index.js";
export type { SweepChart, SweepPoint } from "./spec.js";
