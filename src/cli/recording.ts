import type { Command } from "commander";
import type { Model } from "../models/index.js";
import { flatSettings, modelOfRun, type RunKind, type RunStart } from "../report/index.js";

/** What says where a command keeps its record, for those that leave nothing else. */
export const withRun = (to: Command): Command =>
  to.option("--run <dir>", "keep settings, progress and results there, for fixres report and fixres ui");

/** What a command's record begins with. */
export function runStart(
  kind: RunKind,
  folder: string | undefined,
  {
    settings,
    model,
    resolutions = [],
    trainResolution,
    files = {},
  }: {
    /** As they were resolved, nested or not. */
    readonly settings: object;
    /** Absent where there are several. */
    readonly model?: Model;
    /** That the run computes at. */
    readonly resolutions?: readonly number[];
    /** Of a run that trains. */
    readonly trainResolution?: number;
    readonly files?: Readonly<Record<string, string>>;
  },
): RunStart {
  // What follows takes time, and is of no use to nobody's record.
  if (folder === undefined) return { kind, folder, argv: [], settings: {}, model: null, files };
  return {
    ...{ kind, folder, files },
    argv: process.argv.slice(2),
    settings: flatSettings(settings),
    model: model === undefined ? null : modelOfRun(model, resolutions, trainResolution),
  };
}
