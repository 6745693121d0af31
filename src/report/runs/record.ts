import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { DataError } from "../../errors.js";
import { exists, readJson, writeFileAtomic } from "../../files.js";

/** Commands that are runs. */
export const RUN_KINDS = ["train", "tune", "sweep", "eval", "compare"] as const;
export type RunKind = (typeof RUN_KINDS)[number];

export const RUN_STATUSES = ["running", "done", "failed", "stopped"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

const Scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const Setting = z.union([Scalar, z.array(Scalar)]);
export type Setting = z.infer<typeof Setting>;

/** One epoch: its number, from 1, and what was measured in it, such as `trainLoss`, `valTop1` (a fraction); null where not finite. */
const Epoch = z.object({ epoch: z.number().int().nonnegative() }).catchall(z.number().nullable());
export type RunEpoch = z.infer<typeof Epoch>;

/** What is known of the model that a run is about, before it is changed. */
const RunModel = z.object({
  arch: z.string(),
  classes: z.number(),
  parameters: z.number(),
  /** Side of the crops that it was trained with, as far as it says, px. */
  trainResolution: z.number(),
  /** Multiply-adds of one picture at the run's resolutions. */
  macs: z.array(z.object({ resolution: z.number(), macs: z.number() })),
});
export type RunModel = z.infer<typeof RunModel>;

/** `run.json` of a run's folder: what the run is, how far it is, and what it came to. */
export const RunRecord = z.object({
  format: z.literal("fixres-run/1"),
  kind: z.enum(RUN_KINDS),
  /** Of its folder. */
  name: z.string(),
  /** Times in ISO 8601, UTC; `ended` is null while it runs. */
  started: z.iso.datetime(),
  updated: z.iso.datetime(),
  ended: z.iso.datetime().nullable(),
  /** As it was written; `statusOf` knows of processes that are gone. */
  status: z.enum(RUN_STATUSES),
  pid: z.number().int().positive(),
  host: z.string(),
  /** Of this package. */
  version: z.string(),
  /** Arguments of `fixres` that start it again or, where it was stopped, go on with it, in the folder `cwd`. */
  argv: z.array(z.string()),
  cwd: z.string(),
  /** Resolved settings by flat names, such as `preprocessing.resolution`. */
  settings: z.record(z.string(), Setting),
  /** Null where a run is about several. */
  model: RunModel.nullable(),
  /** What it is at; null before the first piece of work and after the last. */
  progress: z
    .object({ task: z.string(), done: z.number(), total: z.number(), unit: z.string(), detail: z.string().nullable() })
    .nullable(),
  epochs: z.array(Epoch),
  /** What the command prints under `--json`, but for lists of each class, which are in the evaluation's own files. */
  result: z.record(z.string(), z.unknown()).nullable(),
  /** One line; null where nothing failed. */
  error: z.string().nullable(),
  /** What else the run leaves, by what it is: paths relative to the folder, whether they are there already or not. */
  files: z.record(z.string(), z.string()),
});
export type RunRecord = z.infer<typeof RunRecord>;

const NAME = "run.json";

/** The file of a run's record. @param folder - of the run */
export const runFile = (folder: string): string => join(folder, NAME);

/** True where a folder has the record of a run, whole or not. */
export const isRun = (folder: string): Promise<boolean> => exists(runFile(folder));

/**
 * Reads the record of a run, with its status as it is now.
 * @throws {DataError} where there is none, or where it is damaged: one line
 */
export async function readRun(folder: string): Promise<RunRecord> {
  if (!(await isRun(folder)))
    throw new DataError(
      `"${folder}" holds no ${NAME}; give the folder of a run: of train, tune or eval --out, or of sweep or compare --run.`,
    );
  const record = await readJson(runFile(folder), RunRecord, "run");
  return { ...record, status: statusOf(record) };
}

/** Writes the record aside and puts it in its place. @throws {RequestError|FailedError} where it cannot be written */
export const writeRun = (folder: string, record: RunRecord): Promise<void> =>
  writeFileAtomic(runFile(folder), `${JSON.stringify(record)}\n`);

/** A run that says it runs, but whose process is gone from this machine, was stopped. Of other machines nothing is known. */
export function statusOf({ status, host, pid }: Pick<RunRecord, "status" | "host" | "pid">): RunStatus {
  return status === "running" && host === hostname() && !isAlive(pid) ? "stopped" : status;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is one too.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
