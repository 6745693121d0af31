import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { RequestError } from "../../errors.js";
import { makeFolder } from "../../files.js";
import type { RunRecord } from "../../report/index.js";
import { OWN_FOLDER } from "./token.js";

/** Bytes of a log that are shown. */
const TAIL = 20_000;

/** A run that this server has started. */
export interface StartedRun {
  readonly id: string;
  readonly name: string;
  readonly argv: readonly string[];
  readonly status: "running" | "ended";
  /** Exit code once it has ended; null where a signal ended it. */
  readonly code: number | null;
}

interface Child {
  readonly run: { -readonly [K in keyof StartedRun]: StartedRun[K] };
  readonly process: ChildProcess;
}

export type Children = ReturnType<typeof openChildren>;

/**
 * Runs as processes of their own, which go on when the server ends. What they say is kept in the runs folder.
 * @param main - the command's script
 */
export function openChildren(root: string, main: string, onChange: (id: string) => void) {
  const children = new Map<string, Child>();
  const logs = join(root, OWN_FOLDER, "logs");
  const logOf = (id: string): string => join(logs, `${id}.log`);
  return {
    /** @throws {RequestError} where this server runs it already */
    async start(id: string, name: string, argv: readonly string[], cwd: string): Promise<StartedRun> {
      if (children.get(id)?.run.status === "running") throw new RequestError(`"${name}" is running; stop it first.`);
      await makeFolder(logs);
      const log: FileHandle = await open(logOf(id), "a", 0o600);
      try {
        await log.write(`$ fixres ${argv.join(" ")}\n`);
        const child = spawn(process.execPath, [main, ...argv], {
          cwd,
          detached: true,
          stdio: ["ignore", log.fd, log.fd],
        });
        const run = {
          id,
          name,
          argv: [...argv],
          status: "running" as StartedRun["status"],
          code: null as number | null,
        };
        children.set(id, { run, process: child });
        const ended = (code: number | null): void => {
          [run.status, run.code] = ["ended", code];
          onChange(id);
        };
        child.on("exit", ended);
        child.on("error", (error) => {
          createWriteStream(logOf(id), { flags: "a" }).end(`${error.message}\n`);
          ended(1);
        });
        child.unref();
        onChange(id);
        return run;
      } finally {
        await log.close();
      }
    },
    get: (id: string): StartedRun | undefined => children.get(id)?.run,
    list: (): StartedRun[] => [...children.values()].map(({ run }) => run),
    /**
     * Asks a run to stop, as Ctrl-C does: it keeps what it needs to go on.
     * @throws {RequestError} where it is not a run that this server may end
     */
    async stop(id: string, record: RunRecord | undefined): Promise<void> {
      const child = children.get(id);
      if (child?.run.status === "running") {
        child.process.kill("SIGTERM");
        return;
      }
      if (record === undefined) throw new RequestError("this run is not running.");
      if (record.host !== hostname())
        throw new RequestError(`this run is on "${record.host}"; stop it there, by its process ${record.pid}.`);
      if (!(await isOurs(record.pid, main, record)))
        throw new RequestError(`process ${record.pid} is not this run's (any more); it cannot be stopped from here.`);
      process.kill(record.pid, "SIGTERM");
    },
    /** The end of what a run has said to this server or an earlier one; null where none has started it. */
    async log(id: string): Promise<string | null> {
      const path = logOf(id);
      try {
        const { size } = await stat(path);
        const file = await open(path, "r");
        try {
          const start = Math.max(0, size - TAIL);
          const { buffer, bytesRead } = await file.read(
            Buffer.alloc(Math.min(size, TAIL)),
            0,
            Math.min(size, TAIL),
            start,
          );
          return buffer.subarray(0, bytesRead).toString();
        } finally {
          await file.close();
        }
      } catch {
        return null;
      }
    },
  };
}

/**
 * Whether a process is the run of a record. A number may have been given to another process since, and a record may name any, so what
 * the process was started with must be what the record says. Only Linux tells that; elsewhere no such process is ended.
 */
async function isOurs(pid: number, main: string, { argv }: RunRecord): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => null);
  const words = line?.replace(/\0$/, "").split("\0") ?? [];
  const at = words.findIndex((word) => word === main || /(^|[\\/])(fixres|main\.js)$/.test(word));
  return at >= 0 && words[at + 1] === argv[0];
}
