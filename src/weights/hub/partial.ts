import { randomBytes } from "node:crypto";
import { constants, copyFile, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { sizeOf } from "./cache.js";

/** Not the names that other clients give to theirs, which may have holes or be written to at this moment. */
const SUFFIX = ".fixres.incomplete";

/** Silence after which a partial file is nobody's: far beyond what a download under way waits for anything. */
const ABANDONED_MS = 10 * 60_000;

/**
 * A file of our own beside a blob to be, for a download to write into: it begins with what earlier ones have got, and may be
 * empty or absent. Nobody else writes to it. What a download that ended in order, or long ago, has left is taken over; of one
 * that may be under way (or was killed just now) a copy is taken.
 */
export async function takePartial(blob: string): Promise<string> {
  const own = `${blob}.${randomBytes(4).toString("hex")}${SUFFIX}`;
  for (const { path, free } of await partials(blob)) {
    try {
      if (free) {
        const now = new Date();
        await utimes(path, now, now);
        await rename(path, own);
      } else await copyFile(path, own, constants.COPYFILE_FICLONE);
      return own;
    } catch (error) {
      // Another process was quicker, or what there was is complete by now.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return own;
}

/** Leaves a partial file for the next download of the same blob. */
export async function releasePartial(own: string, blob: string): Promise<void> {
  if ((await sizeOf(own)) === 0) await rm(own, { force: true });
  else await rename(own, `${blob}${SUFFIX}`).catch(() => {});
}

/**
 * Puts a complete file in its place, and removes what other downloads of it have got so far. One of them that is still under
 * way notices at its end, here, that its own is gone, and takes what is in place.
 */
export async function completePartial(own: string, blob: string): Promise<void> {
  await rename(own, blob).catch(async (error: unknown) => {
    await rm(own, { force: true }).catch(() => {});
    if ((await sizeOf(blob)) === null) throw error;
  });
  for (const { path } of await partials(blob)) await rm(path, { force: true }).catch(() => {});
}

/** What downloads of a blob have left or are writing, largest first. */
async function partials(blob: string): Promise<{ path: string; size: number; free: boolean }[]> {
  const names = (await readdir(dirname(blob))).filter(
    (name) => name.startsWith(`${basename(blob)}.`) && name.endsWith(SUFFIX),
  );
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(dirname(blob), name);
      const state = await stat(path).catch(() => null);
      if (state === null) return [];
      const free = path === `${blob}${SUFFIX}` || Date.now() - state.mtimeMs > ABANDONED_MS;
      return [{ path, size: state.size, free }];
    }),
  );
  return found.flat().sort((a, b) => b.size - a.size);
}
