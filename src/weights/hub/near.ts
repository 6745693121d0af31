/** How many names are offered. */
const MOST = 3;

/**
 * Known names that somebody may have meant: those that the name is the beginning of, and those a few letters away.
 * @param known - `OWNER/NAME`s; only what stands behind the slash is compared, so that a wrong owner is mended too
 */
export function nearNames(repo: string, known: readonly string[]): string[] {
  const asked = lastPart(repo);
  const most = Math.ceil(asked.length / 8);
  return known
    .map((name) => ({ name, distance: lastPart(name).startsWith(`${asked}.`) ? 0 : edits(asked, lastPart(name)) }))
    .filter(({ name, distance }) => distance <= most && name !== repo)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST)
    .map(({ name }) => name);
}

const lastPart = (repo: string): string => repo.slice(repo.indexOf("/") + 1).toLowerCase();

/** Levenshtein's distance: letters to insert, leave out or replace. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
