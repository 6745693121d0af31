import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { inOrder } from "./ahead.js";
import type { Source } from "./source.js";

/**
 * A hash by which one sees that pictures are those of an earlier time without reading them: the name, size and date of change of
 * every file, in order. Where the files are does not count, nor do labels. Null where nobody knows which files they come from.
 * @param seen - called for every file that was looked at
 */
export async function sourceStamp(source: Source, seen: () => void = () => {}): Promise<string | null> {
  const { samples, archives, read } = source;
  if (read !== undefined && archives === undefined) return null;
  const hash = createHash("sha256");
  const [count, path, name] =
    archives === undefined
      ? [samples.length, (i: number) => samples[i]!.path, (i: number) => samples[i]!.name]
      : [archives.length, (i: number) => archives[i]!, (i: number) => basename(archives[i]!)];
  const stampOf = async (i: number): Promise<string> => {
    const found = await stat(path(i)).catch(() => null);
    return `${name(i)}\0${found === null ? "missing" : `${found.size} ${found.mtimeMs}`}\n`;
  };
  for await (const stamp of inOrder(count, stampOf, { running: 64, waiting: 1024 })) {
    hash.update(stamp);
    seen();
  }
  if (archives !== undefined) for (const sample of samples) hash.update(`${sample.name}\n`);
  return hash.digest("hex");
}
