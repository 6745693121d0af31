/**
 * Files that other programs, or this one after a crash, will read.
 *
 * @module
 */
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ZodType } from "zod";
import { DataError, FailedError } from "./errors.js";

/**
 * Writes a file aside and renames it into place, so that whoever reads it finds the old one or the new one, whole.
 * @throws {FailedError} where it cannot be written (disk full, no permission); the old file then stays
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array | readonly Uint8Array[]): Promise<void> {
  const aside = join(dirname(path), `.${process.pid}-${counter++}.partial`);
  const parts = Array.isArray(data) ? (data as readonly Uint8Array[]) : [data as string | Uint8Array];
  try {
    const handle = await open(aside, "w");
    try {
      for (const part of parts) await handle.appendFile(part);
      // Renamed before its bytes are on the disk, it could be empty after a power failure.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw new FailedError(`"${path}" could not be written: ${reason(error)}.`);
  }
}
let counter = 0;

/**
 * Reads JSON of a known form.
 * @param what - what the file is, for messages, such as `model`
 * @throws {DataError} where it is missing, no JSON, or of another form: the first place that differs is named
 */
export async function readJson<T>(path: string, schema: ZodType<T>, what: string): Promise<T> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new DataError(`${what} file "${path}" cannot be read: ${reason(error)}.`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new DataError(
    `${what} file "${path}" is malformed at ${issue!.path.join(".") || "its root"}: ${issue!.message}.`,
  );
}

/** What the system says about a failed operation, without the path and the code that Node puts around it. */
export function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, words] = /^E[A-Z]+: ([^,]*)/.exec(message) ?? [];
  return (words ?? message).split("\n")[0]!.replace(/\.$/, "");
}
