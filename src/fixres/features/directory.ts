import { readdir, rm, stat, statfs, utimes, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { RequestError, reason } from "../../errors.js";
import { exists, folderMade, readJson } from "../../files.js";

/** What the rows of an entry are, for people; the key says it for programs. */
const About = z.strictObject({
  format: z.literal("fixres-features-1"),
  /** Architecture of the model. */
  model: z.string(),
  /** The data, as they were called. */
  data: z.string(),
  /** Side of the pictures, px. */
  resolution: z.number(),
  /** How pictures were transformed. */
  transform: z.string(),
  type: z.enum(["float16", "float32"]),
  /** Pictures. */
  rows: z.number(),
  /** Numbers a picture. */
  length: z.number(),
});
export type About = z.infer<typeof About>;

/** Features of one source at one resolution, below one cut. */
export interface CacheEntry extends About {
  readonly key: string;
  readonly folder: string;
  /** On the disk, now. */
  readonly bytes: number;
  readonly lastUsed: Date;
}

const ABOUT = "about.json";

/** Where features are kept unless a folder is given: `FIXRES_CACHE`, or `fixres` in the user's folder for caches. */
export function cacheFolder(): string {
  const { FIXRES_CACHE, XDG_CACHE_HOME } = process.env;
  return FIXRES_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "fixres");
}

const entriesFolder = (directory: string): string => join(directory, "features");

/** Folder of the entry of a key. */
export const entryFolder = (directory: string, key: string): string => join(entriesFolder(directory), key);

/** All entries, the one that was used last first. */
export async function cacheEntries(directory: string = cacheFolder()): Promise<CacheEntry[]> {
  const folder = entriesFolder(directory);
  const names = await readdir(folder).catch(() => []);
  const entries = await Promise.all(names.map((key) => entryOf(join(folder, key), key)));
  return entries.filter((entry) => entry !== null).sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime());
}

/** Null for a folder that is no entry. */
async function entryOf(folder: string, key: string): Promise<CacheEntry | null> {
  const path = join(folder, ABOUT);
  const about = await readJson(path, About, "cache entry").catch(() => null);
  const used = await stat(path).catch(() => null);
  if (about === null || used === null) return null;
  return { ...about, key, folder, bytes: await bytesIn(folder), lastUsed: used.mtime };
}

/** What a folder's files take on the disk; rows that are not there yet take nothing. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => null)));
  // Windows tells no blocks.
  return sizes.reduce((sum, found) => sum + (found === null ? 0 : found.blocks ? 512 * found.blocks : found.size), 0);
}

/** The folder of an entry, made where it is not there, and noted as used. */
export async function openEntry(directory: string, key: string, about: About): Promise<string> {
  const folder = entryFolder(directory, key);
  const path = join(folder, ABOUT);
  await folderMade(folder).catch((error: unknown) => {
    throw new RequestError(
      `the feature cache "${directory}" cannot be used: ${reason(error)}. Give another folder (--cache-dir), or keep features in memory (--cache memory).`,
    );
  });
  // Not written aside: several processes may begin the same entry, and what is damaged is written anew by the next one.
  const found = await readJson(path, About, "cache entry").catch(() => null);
  if (found === null) await writeFile(path, `${JSON.stringify(about, null, 2)}\n`);
  else await utimes(path, new Date(), new Date());
  return folder;
}

/** Removes all entries, also what is left of damaged ones. */
export const clearCache = (directory: string): Promise<void> =>
  rm(entriesFolder(directory), { recursive: true, force: true });

/** Removes entries. */
export async function removeEntries(entries: readonly Pick<CacheEntry, "folder">[]): Promise<void> {
  for (const { folder } of entries) await rm(folder, { recursive: true, force: true });
}

/** Room on the disk for one more entry. */
export interface Room {
  /** Entries that would have to go, those first that were not used for longest. */
  readonly outdated: readonly CacheEntry[];
  /** What the disk has free for the rest of the entry, bytes. */
  readonly free: number;
}

/**
 * What must be done so that an entry fits.
 * @param bytes - of the entry when it is complete  @param limit - of all entries together, bytes
 */
export async function roomFor(key: string, bytes: number, limit: number, directory: string): Promise<Room> {
  const entries = await cacheEntries(directory);
  const own = entries.find((entry) => entry.key === key)?.bytes ?? 0;
  const others = entries.filter((entry) => entry.key !== key);
  let used = others.reduce((sum, entry) => sum + entry.bytes, 0);
  const outdated: CacheEntry[] = [];
  while (used + bytes > limit && others.length > 0) {
    const oldest = others.pop()!;
    outdated.push(oldest);
    used -= oldest.bytes;
  }
  const { bavail, bsize } = await statfs(await existing(directory));
  return { outdated, free: bavail * bsize + own + outdated.reduce((sum, entry) => sum + entry.bytes, 0) };
}

/** The folder, or the nearest above it that there is. */
async function existing(directory: string): Promise<string> {
  let folder = resolve(directory);
  while (!(await exists(folder)) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
