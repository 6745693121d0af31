/**
 * Files that are either whole or absent, and files whose content is checked before anything relies on it.
 *
 * @module
 */
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { core, ZodType } from "zod";
import { DataError, FailedError, RequestError, reason } from "./errors.js";

/** A file that takes its place when it is complete. */
export interface PendingFile {
  /** @param position - where the bytes go; behind those that were written last unless given */
  write(bytes: Uint8Array, position?: number): Promise<void>;
  /** Puts the file, which must have reached the disk, in its place. */
  commit(): Promise<void>;
  /** Removes what was written; does nothing after `commit`. */
  discard(): Promise<void>;
}

/**
 * Opens a file aside, in the folder of `path` and always by the same name: what a killed process left behind is replaced by the next
 * one and never piles up. Its methods throw as `writeFileAtomic`, and remove the file where they fail.
 * @param bytes - how large it will be, for messages; what was written unless given
 * @throws {RequestError} where the path cannot be written to
 * @throws {FailedError} where another process writes the same path
 */
export async function openAside(path: string, bytes?: number): Promise<PendingFile> {
  const aside = join(dirname(path), `.${basename(path)}.tmp`);
  let file: FileHandle | null = null;
  let written = 0;
  const close = async (): Promise<void> => {
    const open = file;
    file = null;
    await open?.close();
  };
  /** Does a part of the work; where it fails, nothing is left. */
  const attempt = async <T>(made: boolean, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      await close().catch(() => {});
      const rival = error instanceof RivalError || codeOf(error) === (made ? "ENOENT" : "EEXIST");
      if (rival)
        throw new FailedError(`cannot write "${path}": another run is writing it too. Give each its own --out.`);
      if (made) await rm(aside, { force: true }).catch(() => {});
      throw writeError(path, bytes ?? written, error);
    }
  };
  file = await attempt(false, async () => {
    await rm(aside, { force: true });
    return open(aside, "wx");
  });
  return {
    write: (piece, position) =>
      attempt(true, async () => {
        written += piece.length;
        // One call may write less than all.
        for (let at = 0; at < piece.length; ) {
          const place = position === undefined ? null : position + at;
          at += (await file!.write(piece, at, Math.min(piece.length - at, 2 ** 30), place)).bytesWritten;
        }
      }),
    commit: () =>
      attempt(true, async () => {
        await file!.sync();
        const own = await file!.stat();
        await close();
        // Two writers share the name, so the later one has replaced the file of the earlier.
        const { ino } = await stat(aside);
        if (ino !== own.ino) throw new RivalError();
        await rename(aside, path);
        await syncFolder(dirname(path));
      }),
    async discard() {
      if (file === null) return;
      await close();
      await rm(aside, { force: true });
    },
  };
}

/**
 * Writes a file so that its path holds the old content or the new, never a part: the data go to a file aside in the same
 * folder, reach the disk, and are renamed into place. On failure the file aside is removed.
 * @param data - text, bytes, or pieces of bytes that follow each other
 * @throws {RequestError} where the path cannot be written to
 * @throws {FailedError} where the disk is full, or another process writes the same path
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array | readonly Uint8Array[]): Promise<void> {
  const pieces = typeof data === "string" ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
  const file = await openAside(
    path,
    pieces.reduce((sum, { length }) => sum + length, 0),
  );
  for (const piece of pieces) await file.write(piece);
  await file.commit();
}

/** Where the file aside is no longer the one that was written. */
class RivalError extends Error {}

/** Makes a rename last through a power cut. Windows cannot open folders and does not need it. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => null);
  try {
    await handle?.sync().catch(() => {});
  } finally {
    await handle?.close();
  }
}

function writeError(path: string, bytes: number, error: unknown): unknown {
  const code = codeOf(error);
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new FailedError(
        `cannot write "${path}": ${(bytes / 1e6).toFixed(1)} MB do not fit on the disk (${code}). What was there before is unchanged; free some space and run the same command again.`,
      );
    case "ENOENT":
    case "ENOTDIR":
      return new RequestError(`cannot write "${path}": the folder "${dirname(path)}" does not exist; make it first.`);
    case "EISDIR":
    case "ENOTEMPTY":
      return new RequestError(`cannot write "${path}": a folder is there; give the name of a file.`);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new RequestError(`cannot write "${path}": permission denied (${code}); give another place.`);
    default:
      return error;
  }
}

/** Makes a folder, and those above it, where they are not there. @throws {RequestError} where it cannot be */
export async function makeFolder(path: string): Promise<void> {
  await folderMade(path).catch((error: unknown) => {
    throw new RequestError(`cannot make the folder "${path}": ${reason(error)}; give another place.`);
  });
}

/**
 * Makes a folder and those above it, with the errors of the system. Node's own `recursive` never ends where a folder is there and
 * takes no others, as below /proc.
 */
export async function folderMade(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) === "EEXIST" && (await stat(path)).isDirectory()) return;
    const above = dirname(path);
    if (codeOf(error) !== "ENOENT" || above === path) throw error;
    await folderMade(above);
    await mkdir(path).catch((again: unknown) => {
      if (codeOf(again) !== "EEXIST") throw again;
    });
  }
}

/** True where there is a file or folder of this path. */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Opens a file for reading.
 * @param what - what the file should hold, for messages, such as `model`
 * @throws {DataError} where it is missing, a folder, or closed to us
 */
export async function openFile(path: string, what: string): Promise<FileHandle> {
  try {
    const file = await open(path, "r");
    if (!(await file.stat()).isDirectory()) return file;
    await file.close();
  } catch (error) {
    throw readError(path, what, error);
  }
  throw new DataError(`${what} "${path}" is a folder; give a file.`);
}

/**
 * Fills an array from a place in a file.
 * @param what - the file, for messages, such as `checkpoint "x.pth"`
 * @throws {DataError} where the file ends before
 */
export async function readRange(file: FileHandle, what: string, start: number, into: Uint8Array): Promise<Uint8Array> {
  // A read gives 2 GiB at most, and less where a file is truncated under our hands.
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await file.read(into, at, Math.min(into.length - at, 2 ** 30), start + at);
    if (bytesRead === 0)
      throw new DataError(`${what} ends within what it claims to hold; it was cut short. Fetch it again.`);
    at += bytesRead;
  }
  return into;
}

/**
 * Reads a JSON file and checks it.
 * @param schema - what the file must hold
 * @param what - what it is, for messages, such as `model`
 * @throws {DataError} where it is missing, not JSON, or not as the schema says: the first fault with its place and value
 */
export async function readJson<T>(path: string, schema: ZodType<T>, what: string): Promise<T> {
  return checkedJson(await readText(path, what), schema, `${what} "${path}"`);
}

/**
 * The text of a file, without a mark of its encoding.
 * @param what - what it is, for messages
 * @throws {DataError} where it is missing, a folder, or closed to us
 */
export async function readText(path: string, what: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw readError(path, what, error);
  });
  return text.replace(/^\uFEFF/, "");
}

/**
 * JSON from anywhere, checked.
 * @param where - where it stands, for messages, such as `model "x/model.json"`
 * @throws {DataError} where it is not JSON, or not as the schema says: the first fault with its place and value
 */
export function checkedJson<T>(text: string, schema: ZodType<T>, where: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new DataError(`${where} is not JSON: ${oneLine((error as Error).message)}.`);
  }
  const result = schema.safeParse(json);
  if (!result.success) throw new DataError(`${where}: ${describeIssue(result.error.issues[0]!, json)}.`);
  return result.data;
}

/** A zod issue with its place and the value there: `input.cropRatio is "wide"; expected number`. */
function describeIssue({ path, message }: core.$ZodIssue, json: unknown): string {
  const place = path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    "",
  );
  const value = path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | null)?.[key], json);
  const shown = value === undefined ? "missing" : excerpt(JSON.stringify(value));
  return oneLine(`${place === "" ? "its content" : place} is ${shown}; ${message.replace(/^Invalid input: /, "")}`);
}

function readError(path: string, what: string, error: unknown): unknown {
  const code = codeOf(error);
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return new DataError(`${what} "${path}" does not exist; check the path.`);
    case "EISDIR":
      return new DataError(`${what} "${path}" is a folder; give a file.`);
    case "EACCES":
    case "EPERM":
      return new DataError(`${what} "${path}" may not be read (${code}); check its permissions.`);
    default:
      return error;
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

const excerpt = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}...` : text);

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ");
