import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { isAbsolute, join, posix, relative, resolve, sep } from "node:path";
import { DataError, RequestError } from "../errors.js";
import { openFile, readRange } from "../files.js";
import { openHttpStore } from "./http-store.js";

/** A piece of a file that a job names, and the SHA-256 of its bytes where that is known. */
export interface Piece {
  /** From the store's root, with slashes. */
  readonly path: string;
  /** Byte and length; the whole file unless given. */
  readonly range?: readonly [number, number];
  readonly sha256?: string;
}

/** A file that a job names, as it must be. */
export interface WholeFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** Where a worker finds the files of jobs. */
export interface Store {
  /** For messages. */
  readonly name: string;
  /** A file's or folder's own path where this machine sees it; null where it must be fetched. */
  local(path: string): string | null;
  /** Bytes that are checked against their hash. @throws {Unavailable} where the store does not answer */
  bytes(piece: Piece): Promise<Uint8Array>;
  /** Fetches files into a folder that is kept for all jobs of the same key. @returns the folder */
  folder(key: string, files: readonly (WholeFile & { readonly as: string })[]): Promise<string>;
}

/**
 * What is the worker's trouble and not the shard's: a store that does not answer, a full disk. The job goes back to the queue as if
 * nobody had tried it.
 */
export class Unavailable extends Error {}

/** Opens a store. @param place - a folder that all see, or an http(s) address  @param cache - folder for what is fetched */
export function openStore(place: string, cache: string, note: (text: string) => void): Store {
  if (/^https?:\/\//.test(place)) return openHttpStore(place, cache, note);
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(place))
    throw new RequestError(`--store "${place}" is neither a folder nor an address of http:// or https://.`);
  const local = (path: string): string => join(place, checkedPath(path));
  return {
    name: place,
    local,
    async bytes({ path, range, sha256 }) {
      const bytes = range === undefined ? await readFile(local(path)) : await part(local(path), range);
      if (sha256 !== undefined && sha256Of(bytes) !== sha256)
        throw new DataError(`"${path}" in ${place} is not what the command has; bring the folders in line.`);
      return bytes;
    },
    async folder() {
      throw new Error("a folder is not fetched");
    },
  };
}

async function part(path: string, [offset, length]: readonly [number, number]): Promise<Uint8Array> {
  const file = await openFile(path, "archive");
  try {
    return await readRange(file, `archive "${path}"`, offset, new Uint8Array(length));
  } finally {
    await file.close();
  }
}

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** SHA-256 and size of a file. */
export async function fileHash(path: string): Promise<{ readonly size: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return { size: (await stat(path)).size, sha256: hash.digest("hex") };
}

/** A path of a job, which must stay within the store. @throws {RequestError} where it would leave it */
export function checkedPath(path: string): string {
  const plain = posix.normalize(path);
  if (plain.startsWith("..") || posix.isAbsolute(plain) || plain.includes("\0"))
    throw new RequestError(`a job names "${path}", which is not within the store.`);
  return plain;
}

/** Parts that a tidy path has not. */
const UNTIDY = /\/(\.{0,2})(\/|$)/;

/** A path on this machine as jobs name it. @throws {RequestError} where it is not within the store */
export function storePath(root: string, path: string): string {
  // Most paths are plain; a shard has hundreds.
  const folder = root.endsWith("/") ? root : `${root}/`;
  if (sep === "/" && path.startsWith(folder) && isAbsolute(root) && !UNTIDY.test(path))
    return path.slice(folder.length);
  const inside = relative(resolve(root), resolve(path));
  if (inside.startsWith("..") || resolve(root, inside) !== resolve(path))
    throw new RequestError(
      `"${path}" is not in the folder that workers see, "${root}"; give that folder's path with --store.`,
    );
  return inside.split(sep).join("/");
}
