import { createHash } from "node:crypto";
import { constants, type FileHandle, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { DataError } from "../../errors.js";
import { folderMade } from "../../files.js";
import type { Progress, Task } from "../../progress.js";
import { sizeOf } from "./cache.js";
import { completePartial, releasePartial, takePartial } from "./partial.js";
import { ask, type Connection, patiently, TransientError } from "./request.js";

/** A file as the hub announces it. */
export interface RemoteFile {
  /** For messages. */
  readonly file: string;
  readonly url: string;
  /** Bytes. */
  readonly size: number;
  /** In hexadecimal: SHA-256 of the content, or where it lies in Git itself SHA-1 of Git's blob, 40 digits. */
  readonly hash: string;
}

const MEGABYTE = 1e6;

/**
 * Gets a file's content into its place, unless it is there. What an earlier download got is not asked for again; nothing takes
 * the place that has not the announced size and hash.
 * @throws {DataError} where other bytes come than were announced, or none any more
 */
export async function downloadBlob(
  connection: Connection,
  remote: RemoteFile,
  blob: string,
  progress: Progress,
): Promise<void> {
  if ((await sizeOf(blob)) === remote.size) return;
  await folderMade(dirname(blob));
  const own = await takePartial(blob);
  try {
    const file = await open(own, constants.O_RDWR | constants.O_CREAT, 0o666);
    try {
      await fill(connection, remote, file, progress);
      await verify(connection, remote, file);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof MismatchError) await rm(own, { force: true });
    else await releasePartial(own, blob);
    throw error;
  }
  await completePartial(own, blob);
}

/** Bytes that are not those of the file: what was got of it is of no use. */
class MismatchError extends DataError {
  override get name(): string {
    return "DataError";
  }
}

/** Writes what is still missing of a file. */
async function fill(connection: Connection, remote: RemoteFile, output: FileHandle, progress: Progress): Promise<void> {
  const { file, url, size } = remote;
  let task: Task | undefined;
  try {
    let at = (await output.stat()).size;
    if (at > size) at = await emptied(output);
    if (at > 0 && at < size) progress.note(`${file}: goes on at ${megabytes(at)} of ${megabytes(size)} MB`);
    const whole = (bytes: number): number => Math.round(bytes / MEGABYTE);
    if (size > MEGABYTE) task = progress.start(`fetching ${file}`, whole(size), "MB", whole(at));
    const attempt = (): Promise<void> =>
      ask(connection, url, at === 0 ? {} : { headers: { Range: `bytes=${at}-` } }, async (response, chunks) => {
        checkAnswer(connection, remote, response, at);
        // Some servers do not heed what they are asked for, and send all of it.
        if (at > 0 && response.status !== 206) {
          task?.advance(-whole(at));
          at = await emptied(output);
        }
        for await (const chunk of chunks) {
          if (at + chunk.length > size) throw tooMany(connection, remote);
          await writeAt(output, chunk, at);
          task?.advance(whole(at + chunk.length) - whole(at));
          at += chunk.length;
        }
        if (at < size) throw new TransientError(`${file} ended at ${megabytes(at)} of ${megabytes(size)} MB`);
      });
    if (at < size) await patiently(connection, attempt, { gained: () => at, persistent: true });
    await output.sync();
  } finally {
    task?.end();
  }
}

const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(1);

async function emptied(file: FileHandle): Promise<number> {
  await file.truncate(0);
  return 0;
}

async function writeAt(file: FileHandle, chunk: Uint8Array, place: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, place + done);
    done += bytesWritten;
  }
}

/** A wrong part, or a file of another size, is refused before it is read, where the answer tells. */
function checkAnswer(connection: Connection, remote: RemoteFile, { status, headers }: Response, at: number): void {
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("Content-Range") ?? "") ?? [];
  if (status === 206 && Number(start) !== at)
    throw new MismatchError(
      `${connection.settings.endpoint} sends another part of ${remote.file} than it was asked for; run the same command again, and it is fetched afresh.`,
    );
  const size = status === 206 ? total : headers.has("Content-Encoding") ? null : headers.get("Content-Length");
  if (size !== null && size !== undefined && Number(size) !== remote.size)
    throw Number(size) > remote.size
      ? tooMany(connection, remote)
      : new MismatchError(`${described(connection, remote)}, but has only ${size}; run the same command again later.`);
}

const described = ({ settings }: Connection, { file, size }: RemoteFile): string =>
  `${settings.endpoint} announces ${size} bytes of ${file}`;

const tooMany = (connection: Connection, remote: RemoteFile): MismatchError =>
  new MismatchError(`${described(connection, remote)}, but sends more; nothing of it was kept.`);

/** Reads a file once more, so that what is on the disk is what was announced. */
async function verify({ settings, signal }: Connection, remote: RemoteFile, written: FileHandle): Promise<void> {
  const { file, size, hash } = remote;
  const inGit = hash.length === 40;
  const digest = createHash(inGit ? "sha1" : "sha256");
  if (inGit) digest.update(`blob ${size}\0`);
  const stream = written.createReadStream({ start: 0, autoClose: false, highWaterMark: MEGABYTE });
  for await (const chunk of stream) {
    signal?.throwIfAborted();
    digest.update(chunk as Buffer);
  }
  const found = digest.digest("hex");
  if (found !== hash)
    throw new MismatchError(
      `${file} came damaged from ${settings.endpoint}: its ${inGit ? "SHA-1" : "SHA-256"} is ${found} where ${hash} is announced; run the same command again, and it is fetched afresh.`,
    );
}
