import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { OWN_FOLDER } from "./token.js";

/** How deep runs may lie below the runs folder. */
const DEPTH = 5;

/** Milliseconds within which a folder may change twice without a date that tells. */
const UNSURE_MS = 2000;

interface Folder {
  /** When it was read, and when it had changed then. */
  readonly changedAt: number;
  readonly readAt: number;
  readonly folders: readonly string[];
  readonly files: ReadonlySet<string>;
}

/**
 * The folders below a root, again and again: one whose date is that of the last time is not read anew, so that a look at thousands
 * costs a look at their dates. Links are not followed, and hidden folders not entered.
 */
export function folderWalk(root: string, wanted: readonly string[]) {
  let known = new Map<string, Folder>();
  const read = (path: string, before: Folder | undefined): Folder | null => {
    try {
      const found = lstatSync(path);
      if (!found.isDirectory()) return null;
      const changedAt = found.mtimeMs;
      if (before?.changedAt === changedAt && before.readAt - changedAt > UNSURE_MS) return before;
      const entries = readdirSync(path, { withFileTypes: true });
      const isFolder = (entry: Dirent): boolean =>
        entry.isDirectory() &&
        !entry.name.startsWith(".") &&
        entry.name !== "node_modules" &&
        entry.name !== OWN_FOLDER;
      return {
        changedAt,
        readAt: Date.now(),
        folders: entries.filter(isFolder).map(({ name }) => name),
        files: new Set(
          entries.filter((entry) => entry.isFile() && wanted.includes(entry.name)).map(({ name }) => name),
        ),
      };
    } catch {
      return null; // It went away in between, or is closed to us.
    }
  };
  return {
    /** Calls `visit` for every folder that has one of the wanted files. */
    visit(visit: (path: string, files: ReadonlySet<string>) => void): void {
      const now = new Map<string, Folder>();
      const enter = (path: string, depth: number): void => {
        const folder = read(path, known.get(path));
        if (folder === null) return;
        now.set(path, folder);
        if (folder.files.size > 0) visit(path, folder.files);
        if (depth < DEPTH) for (const name of folder.folders) enter(join(path, name), depth + 1);
      };
      enter(root, 0);
      known = now;
    },
  };
}
