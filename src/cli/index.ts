/**
 * What the command shows people, for programs that show the same: progress, tables, percentages.
 *
 * @module
 */
export { interval, percent, points, pValue } from "../format.js";
export { stderrProgress } from "./progress.js";
export { table } from "./table.js";
