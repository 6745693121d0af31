import { lstat, realpath } from "node:fs/promises";
import { isAbsolute, relative, sep } from "node:path";

/** Whether a path is a folder, or lies below it, as they are spelled. */
export function isWithin(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || !(way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way));
}

/** The path with all links followed, if it is there and lies in the folder then too; null otherwise. */
export async function realWithin(root: string, path: string): Promise<string | null> {
  try {
    const [base, real] = await Promise.all([realpath(root), realpath(path)]);
    return isWithin(base, real) ? real : null;
  } catch {
    return null;
  }
}

/** Whether a path leads nowhere, or to something in the folder. */
export async function absentOrWithin(root: string, path: string): Promise<boolean> {
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  return !isThere || (await realWithin(root, path)) !== null;
}
