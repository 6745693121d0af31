import { hostname } from "node:os";
import { basename, resolve } from "node:path";
import { reason } from "../../errors.js";
import { makeFolder } from "../../files.js";
import type { Progress, Task } from "../../progress.js";
import { VERSION } from "../../version.js";
import { isRun, type RunEpoch, type RunRecord, readRun, writeRun } from "./record.js";

/** What is known of a run when it starts. */
export interface RunStart extends Pick<RunRecord, "kind" | "argv" | "settings" | "model" | "files"> {
  /** Of the run; it need not be there yet. Without one nothing is recorded. */
  readonly folder: string | undefined;
}

/** What a run under way is given to tell of itself. */
export interface Recording {
  /** Shows what it is told where the run's own progress does, and records it. */
  readonly progress: Progress;
  /** Tells of an epoch; what was told of it before stays where it is not told anew. */
  epoch(numbers: { readonly epoch: number } & Readonly<Record<string, number>>): void;
}

interface Surroundings {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Least milliseconds between two states on disk. */
const INTERVAL_MS = 1000;

/**
 * Does the work of a run, and keeps its record: from the first piece of work on, so that a request that is refused leaves
 * the record of an earlier run alone. What cannot be recorded is said once, and the run goes on.
 * @param resultOf - what the command prints under `--json`; what `work` gives unless given
 */
export async function recorded<T extends object>(
  start: RunStart,
  surroundings: Surroundings,
  work: (recording: Recording) => Promise<T>,
  resultOf: (found: T) => object = (found) => found,
): Promise<T> {
  if (start.folder === undefined) return work({ progress: surroundings.progress, epoch() {} });
  const run = new RunUnderWay(start.folder, start, surroundings);
  try {
    const found = await work(run);
    await run.end({ status: "done", result: withoutClasses(resultOf(found)), error: null });
    return found;
  } catch (error) {
    if (run.begun) {
      const status = surroundings.signal.aborted ? "stopped" : "failed";
      const line = error instanceof Error ? error.message.split("\n")[0]! : String(error);
      await run.end({ status, result: null, error: line });
    }
    throw error;
  }
}

/** A run's record in memory, and on disk about once a second. */
class RunUnderWay implements Recording {
  readonly progress: Progress;
  private readonly epochs = new Map<number, RunEpoch>();
  private state: RunRecord;
  private written = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;
  /** Writing, one state after the other; null before the first. */
  private writing: Promise<void> | null = null;
  private complained = false;

  constructor(
    private readonly folder: string,
    { kind, argv, settings, model, files }: RunStart,
    private readonly surroundings: Surroundings,
  ) {
    const now = new Date().toISOString();
    this.state = {
      format: "fixres-run/1",
      kind,
      name: basename(resolve(folder)),
      ...{ started: now, updated: now, ended: null, status: "running" },
      ...{ pid: process.pid, host: hostname(), version: VERSION, argv: [...argv], cwd: process.cwd() },
      ...{ settings, model, progress: null, epochs: [], result: null, error: null, files },
    };
    const shown = surroundings.progress;
    this.progress = {
      start: (task, total, unit, first = 0) =>
        this.task(shown.start(task, total, unit, first), task, total, unit, first),
      note: (text) => shown.note(text),
    };
  }

  get begun(): boolean {
    return this.writing !== null;
  }

  epoch(numbers: { readonly epoch: number } & Readonly<Record<string, number>>): void {
    this.epochs.set(numbers.epoch, { ...this.epochs.get(numbers.epoch), ...numbers });
    this.changed();
  }

  /** Puts the last state on disk. */
  async end(outcome: Pick<RunRecord, "status" | "result" | "error">): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.state = { ...this.state, ...outcome, progress: null, ended: new Date().toISOString() };
    this.write();
    await this.writing;
  }

  private task(shown: Task, task: string, total: number, unit: string, first: number): Task {
    let done = first;
    const tell = (detail: string | null): void => {
      this.state = { ...this.state, progress: { task, done, total, unit, detail } };
      this.changed();
    };
    tell(null);
    return {
      advance: (count, detail) => {
        shown.advance(count, detail);
        done += count;
        tell(detail ?? this.state.progress?.detail ?? null);
      },
      end: () => shown.end(),
    };
  }

  private changed(): void {
    if (this.state.ended !== null || this.timer !== null) return;
    const wait = this.written + INTERVAL_MS - performance.now();
    if (wait <= 0) this.write();
    else {
      this.timer = setTimeout(() => {
        this.timer = null;
        this.write();
      }, wait);
      this.timer.unref();
    }
  }

  private write(): void {
    this.written = performance.now();
    this.writing = (this.writing ?? this.takeOver()).then(async () => {
      const updated = new Date().toISOString();
      const epochs = [...this.epochs.values()].sort((a, b) => a.epoch - b.epoch);
      try {
        await writeRun(this.folder, { ...this.state, updated, epochs });
      } catch (error) {
        if (!this.complained) this.surroundings.progress.note(`the run is not recorded: ${reason(error)}`);
        this.complained = true;
      }
    });
  }

  /** Epochs that an earlier part of the same run has told of. */
  private async takeOver(): Promise<void> {
    try {
      await makeFolder(this.folder);
      if (!(await isRun(this.folder))) return;
      const earlier = await readRun(this.folder);
      const same =
        earlier.kind === this.state.kind && JSON.stringify(earlier.settings) === JSON.stringify(this.state.settings);
      if (!same) return;
      for (const one of earlier.epochs) this.epochs.set(one.epoch, { ...one, ...this.epochs.get(one.epoch) });
    } catch {
      // A record that is damaged is replaced; a folder that cannot be made is said when the record is written.
    }
  }
}

/** A result without what grows with the number of classes, which the files of an evaluation hold. */
function withoutClasses(result: object): Record<string, unknown> {
  const { perClass: _, confusion: __, ...rest } = result as Record<string, unknown>;
  return rest;
}
