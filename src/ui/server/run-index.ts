import { createHash } from "node:crypto";
import { lstatSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { RunRecord, runFile, statusOf } from "../../report/index.js";
import { folderWalk } from "./folders.js";

/** A run as lists have it. */
export interface RunSummary extends Pick<RunRecord, "kind" | "started" | "updated" | "ended" | "status" | "progress" | "error"> {
  /** Names it in addresses: a hash of its path, from which no path can be made. */
  readonly id: string;
  /** Path below the runs folder, with slashes. */
  readonly name: string;
  /** Top-1 that it came to, a fraction; null where it has none. */
  readonly top1: number | null;
  readonly epochs: number;
  readonly arch: string | null;
}

/** A folder with a model. */
export interface ModelFolder {
  readonly id: string;
  readonly name: string;
}

interface Known {
  readonly stamp: string;
  readonly folder: string;
  readonly record: RunRecord;
  readonly summary: RunSummary;
  /** What is searched, in lower case. */
  readonly words: string;
}

/** The id of a path below the runs folder. */
export const idOf = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 20);

export type RunIndex = ReturnType<typeof openRunIndex>;

/**
 * The runs and models below a folder, kept in memory; a look at it reads only what has changed since the last.
 * @param root - the runs folder, as a real path
 */
export function openRunIndex(root: string) {
  const walk = folderWalk(root, ["run.json", "model.json"]);
  let runs = new Map<string, Known>();
  let models = new Map<string, ModelFolder & { readonly folder: string }>();
  let sorted: readonly Known[] = [];
  let lookedAt = Number.NEGATIVE_INFINITY;

  /** Looks for changes. @returns ids of runs that came, went or changed */
  const refresh = (): string[] => {
    const [found, folders, changed] = [new Map<string, Known>(), new Map<string, ModelFolder & { folder: string }>(), []];
    const different: string[] = changed;
    walk.visit((folder, files) => {
      const name = relative(root, folder).split(sep).join("/") || ".";
      const id = idOf(name);
      if (files.has("model.json")) folders.set(id, { id, name, folder });
      if (!files.has("run.json")) return;
      const before = runs.get(id);
      const now = look(folder, name, id, before);
      if (now === null) return;
      found.set(id, now);
      if (now !== before) different.push(id);
    });
    for (const id of runs.keys()) if (!found.has(id)) different.push(id);
    if (different.length > 0) sorted = [...found.values()].sort((a, b) => (a.summary.started < b.summary.started ? 1 : -1));
    [runs, models, lookedAt] = [found, folders, performance.now()];
    return different;
  };
  /** Looks for changes unless that was done within the last half second. */
  const fresh = (): void => {
    if (performance.now() - lookedAt > 500) refresh();
  };
  return {
    root,
    refresh,
    /** Runs, newest first. */
    list(): readonly Known[] {
      fresh();
      return sorted;
    },
    get(id: string): Known | undefined {
      fresh();
      return runs.get(id);
    },
    models(): readonly ModelFolder[] {
      fresh();
      return [...models.values()].map(({ id, name }) => ({ id, name })).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    /** The folder of a model. */
    modelFolder(id: string): string | undefined {
      fresh();
      return models.get(id)?.folder;
    },
  };
}

function look(folder: string, name: string, id: string, before: Known | undefined): Known | null {
  try {
    const file = runFile(folder);
    const { mtimeMs, size, ino } = lstatSync(file);
    const stamp = `${mtimeMs} ${size} ${ino}`;
    if (before?.stamp === stamp) {
      // Its process may be gone without a word.
      const status = statusOf(before.record);
      return status === before.summary.status ? before : { ...before, summary: { ...before.summary, status } };
    }
    const record = RunRecord.parse(JSON.parse(readFileSync(file, "utf8")));
    const summary = summaryOf(record, name, id);
    const settings = Object.entries(record.settings).map(([key, value]) => `${key}=${String(value)}`);
    const words = [name, summary.arch ?? "", ...settings].join("\n").toLowerCase();
    return { stamp, folder, record, summary, words };
  } catch {
    return before ?? null; // It is not a run's, or is being replaced.
  }
}

function summaryOf(record: RunRecord, name: string, id: string): RunSummary {
  const { kind, started, updated, ended, progress, error, epochs } = record;
  const arch = record.model?.arch ?? null;
  return {
    ...{ id, name, kind, started, updated, ended, progress, error, arch },
    status: statusOf(record),
    epochs: epochs.length,
    top1: top1Of(record),
  };
}

/** The accuracy that a reader would ask for: what the run came to, or the best of its epochs so far. */
function top1Of({ result, epochs }: RunRecord): number | null {
  const number = (value: unknown): number | null =>
    typeof value === "number" && value >= 0 && value <= 1 ? value : null;
  const inside = (value: unknown): number | null =>
    typeof value === "object" && value !== null ? number((value as Record<string, unknown>).top1) : number(value);
  const rows = Array.isArray(result?.rows) ? result.rows.map(inside) : [];
  const measured = [result?.after, result?.top1, result?.best].map(inside).find((value) => value !== null);
  const all = [...(measured === undefined || measured === null ? rows : [measured])];
  if (all.length === 0) all.push(...epochs.map((epoch) => number(epoch.valTop1 ?? epoch.top1)));
  const known = all.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
