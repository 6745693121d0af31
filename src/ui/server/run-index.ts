import { createHash } from "node:crypto";
import { lstatSync, readFileSync } from "node:fs";
import { relative, sep } from "node:path";
import { setImmediate as otherWork } from "node:timers/promises";
import { z } from "zod";
import { RunRecord, runFile, statusOf } from "../../report/index.js";
import { folderWalk } from "./folders.js";
import { keepRuns, keptRuns } from "./kept-runs.js";

/** A run as lists have it. */
export interface RunSummary
  extends Pick<RunRecord, "kind" | "started" | "updated" | "ended" | "status" | "progress" | "error"> {
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

/** What is known of a run's record, of this date and size. */
export interface KeptRun {
  readonly stamp: string;
  readonly summary: RunSummary;
  /** What tells whether it still runs. */
  readonly process: Pick<RunRecord, "status" | "host" | "pid">;
  /** What is searched, in lower case. */
  readonly words: string;
}

interface Known extends KeptRun {
  readonly folder: string;
}

/** The id of a path below the runs folder. */
export const idOf = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 20);

/** Records that are read before other work has its turn. */
const AT_ONCE = 64;

/** Least milliseconds for which a look holds. */
const HOLDS_MS = 500;

/** A look at many runs takes its time, and holds for so many times as long. */
const HOLDS_TIMES = 4;

/** So many records that were read are worth keeping for the next start. */
const WORTH_KEEPING = 500;

export type RunIndex = ReturnType<typeof openRunIndex>;

/**
 * The runs and models below a folder, kept in memory; a look at it reads only what has changed since the last.
 * @param root - the runs folder, as a real path
 */
export function openRunIndex(root: string) {
  const walk = folderWalk(root, ["run.json", "model.json"]);
  let runs = new Map<string, Known>();
  /** From an earlier server, by id; until the first look. */
  let earlier: ReadonlyMap<string, KeptRun> | null = null;
  let models = new Map<string, ModelFolder & { readonly folder: string }>();
  let sorted: readonly Known[] = [];
  let holdsUntil = Number.NEGATIVE_INFINITY;
  let looking: Promise<string[]> | null = null;

  const look = async (): Promise<string[]> => {
    const start = performance.now();
    earlier ??= await keptRuns(root);
    const [folders, now] = [new Map<string, ModelFolder & { folder: string }>(), new Map<string, Known>()];
    const unread: { id: string; name: string; folder: string; stamp: string }[] = [];
    walk.visit((folder, files) => {
      const name = relative(root, folder).split(sep).join("/") || ".";
      const id = idOf(name);
      if (files.has("model.json")) folders.set(id, { id, name, folder });
      if (!files.has("run.json")) return;
      const stamp = stampOf(folder);
      const before = runs.get(id);
      if (stamp === null) return;
      const kept = earlier?.get(id);
      if (before?.stamp === stamp) now.set(id, asItIs(before));
      else if (kept?.stamp === stamp) now.set(id, asItIs({ ...kept, folder, summary: { ...kept.summary, id, name } }));
      else unread.push({ id, name, folder, stamp });
    });
    for (const [i, { id, name, folder, stamp }] of unread.entries()) {
      if (i % AT_ONCE === AT_ONCE - 1) await otherWork();
      const record = listed(folder);
      // Without one it is not a run's, or was replaced in between.
      const known = record === null ? runs.get(id) : knownOf(record, { id, name, folder, stamp });
      if (known !== undefined) now.set(id, known);
    }
    const different = [...now.keys()].filter((id) => now.get(id) !== runs.get(id));
    for (const id of runs.keys()) if (!now.has(id)) different.push(id);
    if (different.length > 0)
      sorted = [...now.values()].sort((a, b) => (a.summary.started < b.summary.started ? 1 : -1));
    [runs, models, earlier] = [now, folders, new Map()];
    if (unread.length >= WORTH_KEEPING) await keepRuns(root, now);
    const end = performance.now();
    holdsUntil = end + Math.max(HOLDS_MS, HOLDS_TIMES * (end - start));
    return different;
  };
  /** Looks for changes. @returns ids of runs that came, went or changed */
  const refresh = (): Promise<string[]> => {
    looking ??= look().finally(() => {
      looking = null;
    });
    return looking;
  };
  const fresh = async (): Promise<void> => {
    if (performance.now() > holdsUntil) await refresh();
  };
  return {
    root,
    refresh,
    /** Runs, newest first. */
    async list(): Promise<readonly Known[]> {
      await fresh();
      return sorted;
    },
    async get(id: string): Promise<Pick<Known, "folder" | "summary"> | undefined> {
      await fresh();
      return runs.get(id);
    },
    async models(): Promise<ModelFolder[]> {
      await fresh();
      return [...models.values()].map(({ id, name }) => ({ id, name })).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    /** The folder of a model. */
    async modelFolder(id: string): Promise<string | undefined> {
      await fresh();
      return models.get(id)?.folder;
    },
  };
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * What lists need of a record. Settings, epochs and results, which are most of it, are only looked at as far as they are used: of thousands
 * of records a whole check takes most of the time. Whoever opens a run has it checked.
 */
const Listed = RunRecord.pick({
  ...{ format: true, kind: true, started: true, updated: true, ended: true, status: true },
  ...{ pid: true, host: true, progress: true, error: true },
}).extend({
  model: z.object({ arch: z.string() }).nullable(),
  settings: z.custom<Readonly<Record<string, unknown>>>(isObject),
  epochs: z.array(z.custom<Readonly<Record<string, unknown>>>(isObject)),
  result: z.custom<Readonly<Record<string, unknown>> | null>((value) => value === null || isObject(value)),
});
type Listed = z.infer<typeof Listed>;

/** Reads it, at once: a read that is waited for costs several times as much as a small file. Null where there is no such record. */
function listed(folder: string): Listed | null {
  try {
    return Listed.parse(JSON.parse(readFileSync(runFile(folder), "utf8")));
  } catch {
    return null;
  }
}

function stampOf(folder: string): string | null {
  try {
    const { mtimeMs, size, ino } = lstatSync(runFile(folder));
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return null;
  }
}

/** A run whose record has not changed: its process may be gone without a word. */
function asItIs(known: Known): Known {
  const status = statusOf(known.process);
  return status === known.summary.status ? known : { ...known, summary: { ...known.summary, status } };
}

function knownOf(record: Listed, { id, name, folder, stamp }: Pick<Known, "folder" | "stamp"> & ModelFolder): Known {
  const { status, host, pid } = record;
  const summary = summaryOf(record, name, id);
  const settings = Object.entries(record.settings).map(([key, value]) => `${key}=${String(value)}`);
  const words = [name, summary.arch ?? "", ...settings].join("\n").toLowerCase();
  return { stamp, folder, summary, process: { status, host, pid }, words };
}

function summaryOf(record: Listed, name: string, id: string): RunSummary {
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
function top1Of({ result, epochs }: Listed): number | null {
  const number = (value: unknown): number | null =>
    typeof value === "number" && value >= 0 && value <= 1 ? value : null;
  const inside = (value: unknown): number | null =>
    typeof value === "object" && value !== null ? number((value as Record<string, unknown>).top1) : number(value);
  // Rows of a sweep that tunes have what they came to in `after`, rounds of students in `val`.
  const nested = (row: unknown, name: string): unknown =>
    typeof row === "object" && row !== null ? (row as Record<string, unknown>)[name] : undefined;
  const rows = Array.isArray(result?.rows) ? result.rows.map((row) => inside(nested(row, "after") ?? row)) : [];
  const last = Array.isArray(result?.rounds) ? nested(result.rounds.at(-1), "val") : undefined;
  const measured = [result?.after, result?.top1, result?.val, last, result?.best]
    .map(inside)
    .find((value) => value !== null);
  const all = [...(measured === undefined || measured === null ? rows : [measured])];
  if (all.length === 0) all.push(...epochs.map((epoch) => number(epoch.valTop1 ?? epoch.top1)));
  const known = all.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
