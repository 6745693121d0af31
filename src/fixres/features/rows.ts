import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { FailedError, reason } from "../../errors.js";

/**
 * Rows of equal length in a file, in any order, each with a check sum. What is there is what was written: a row that a killed
 * process left in part, one that was damaged, and one of another file are not.
 */
export interface RowFile {
  has(row: number): boolean;
  write(row: number, content: Uint8Array): Promise<void>;
  /** Fills `into`. False where the row is not what was written; the file has it no more, then. */
  read(row: number, into: Uint8Array): Promise<boolean>;
  close(): Promise<void>;
}

const [ROWS, PRESENT] = ["rows", "present"];
const SUM_BYTES = 4;

/**
 * Opens the rows in a folder, or begins them. Several processes may do so at a time, as long as they write the same content.
 * @param key - what the rows belong to; it goes into their check sums
 * @throws {FailedError} where the folder cannot be used, and later, where the disk is full
 */
export async function openRows(
  folder: string,
  { key, rows, rowBytes }: { readonly key: string; readonly rows: number; readonly rowBytes: number },
): Promise<RowFile> {
  const fail = (error: unknown): never => {
    throw new FailedError(
      `the feature cache "${folder}" (${Math.ceil((rows * rowBytes) / 2 ** 20)} MiB) cannot be used: ${reason(error)}. Free the disk, or do without (--cache memory, --cache none).`,
    );
  };
  const [content, marks] = [join(folder, ROWS), join(folder, PRESENT)];
  const present = await marked(content, marks, rows).catch(fail);
  const file = await opened(content).catch(fail);
  const marksFile = await opened(marks).catch(fail);
  const stride = rowBytes + SUM_BYTES;
  const sumOf = (row: number, bytes: Uint8Array): number => crc32(bytes, crc32(`${key} ${row}`));
  return {
    has: (row) => present[row] === 1,
    async write(row, bytes) {
      const sum = new Uint8Array(SUM_BYTES);
      new DataView(sum.buffer).setUint32(0, sumOf(row, bytes), true);
      const { bytesWritten } = await file.writev([bytes, sum], row * stride).catch(fail);
      // The system writes part of a row where the disk is full.
      if (bytesWritten !== stride) fail(`only ${bytesWritten} of ${stride} bytes were written`);
      // Only now: whoever is killed before has not written the row.
      await marksFile.write(Uint8Array.of(1), 0, 1, row).catch(fail);
      present[row] = 1;
    },
    async read(row, into) {
      const sum = new Uint8Array(SUM_BYTES);
      const { bytesRead } = await file.readv([into, sum], row * stride).catch(fail);
      const whole = bytesRead === stride && new DataView(sum.buffer).getUint32(0, true) === sumOf(row, into);
      if (!whole) present[row] = 0;
      return whole;
    },
    async close() {
      await file.close();
      await marksFile.close();
    },
  };
}

/** How many rows a folder has, by its marks; 0 where there is no such folder. */
export async function presentRows(folder: string, rows: number): Promise<number> {
  const present = await marked(join(folder, ROWS), join(folder, PRESENT), rows);
  return present.filter((mark) => mark === 1).length;
}

/** Which rows were written; none where that, or the rows, are missing or those of another number of rows. */
async function marked(content: string, marks: string, rows: number): Promise<Uint8Array> {
  const written = await stat(content).catch(() => null);
  const found = written === null ? null : await readFile(marks).catch(() => null);
  return found === null || found.length > rows
    ? new Uint8Array(rows)
    : Uint8Array.from({ length: rows }, (_, i) => found[i] ?? 0);
}

/** A file for reading and writing at any place, with what it holds. */
async function opened(path: string): Promise<FileHandle> {
  const made = await open(path, "a");
  await made.close();
  return open(path, "r+");
}
