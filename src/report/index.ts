/**
 * What a reader is shown. In: accuracies with their intervals, and runs. Out: charts as SVG and PNG, and self-contained pages.
 * A run keeps its record (`runs`), what it has found is gathered (`findings`) and drawn (`figures`), and put on a page (`pages`).
 *
 * @module
 */
export { sweepChart } from "./chart.js";
export {
  type AbsentFigure,
  cellId,
  type Figure,
  type FigureLook,
  figureSvg,
  figuresOf,
  hasCells,
} from "./figures/index.js";
export {
  type AccuracyAt,
  accuraciesOf,
  type EvaluationFindings,
  evaluationFindings,
  type FindingsOptions,
  mainEvaluation,
  type RunFindings,
  runFindings,
} from "./findings/index.js";
export { type Page, page } from "./pages/chart-page.js";
export { svgToPng } from "./png.js";
export { figureFolders, type ReportOptions, type WrittenReport, writeReport } from "./report.js";
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
  RunRecord,
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
export { CHART_VARIABLES } from "./theme.js";
