/**
 * Runs as they are recorded. In: what a command does while it runs. Out: `run.json` in the run's folder, and what was read
 * from it.
 *
 * @module
 */

export { modelOfRun } from "./model.js";
export {
  isRun,
  RUN_KINDS,
  RUN_STATUSES,
  type RunEpoch,
  type RunKind,
  type RunModel,
  RunRecord,
  type RunStatus,
  readRun,
  runFile,
  type Setting,
  statusOf,
  writeRun,
} from "./record.js";
export { type Recording, type RunStart, recorded } from "./recording.js";
export { flatSettings } from "./settings.js";
