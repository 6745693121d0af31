/**
 * What the command shows people, for programs that show the same: progress, tables, percentages.
 *
 * @module
 */
export { percent } from "./options.js";
export { stderrProgress } from "./progress.js";
export { table } from "./table.js";
