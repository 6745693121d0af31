import { RequestError } from "../errors.js";
import { type CacheEntry, cacheEntries, cacheFolder, clearCache, removeEntries } from "../fixres/index.js";
import { binaryBytes } from "../format.js";
import * as cli from "./options.js";
import { table } from "./table.js";

interface Options {
  readonly cacheDir?: string;
  readonly json?: boolean;
}

const base = cli.command("cache", "Features that tune keeps on disk: list them, or clear them.", [
  "fixres cache",
  "fixres cache clear",
  "fixres cache clear 3f0a",
]);

export const cacheCommand = base
  .argument("[action]", "list, or clear", "list")
  .argument("[key...]", "what to clear: keys, or their beginnings (default: all)")
  .option("--cache-dir <dir>", "folder of the cache (default: $FIXRES_CACHE, or ~/.cache/fixres)")
  .action(async (action: string, keys: string[], { cacheDir = cacheFolder(), json }: Options) => {
    const entries = await cacheEntries(cacheDir);
    switch (action) {
      case "list":
        return cli.print(json, { directory: cacheDir, entries }, () => listed(cacheDir, entries));
      case "clear": {
        const chosen = keys.length === 0 ? entries : keys.map((key) => entryOf(entries, key));
        if (keys.length === 0) await clearCache(cacheDir);
        else await removeEntries(chosen);
        const bytes = chosen.reduce((sum, entry) => sum + entry.bytes, 0);
        const cleared = { cleared: chosen.map(({ key }) => key), bytes };
        return cli.print(json, cleared, () => `cleared ${chosen.length} entries, ${binaryBytes(bytes)}`);
      }
      default:
        throw new RequestError(`"${action}" is nothing that cache does; give list or clear.`);
    }
  });

/** The one entry whose key begins so. */
function entryOf(entries: readonly CacheEntry[], key: string): CacheEntry {
  const [found, other] = entries.filter((entry) => entry.key.startsWith(key));
  if (found !== undefined && other === undefined) return found;
  const fault = found === undefined ? "no key begins with" : "several keys begin with";
  throw new RequestError(`${fault} "${key}"; give one of those that fixres cache lists.`);
}

function listed(directory: string, entries: readonly CacheEntry[]): string {
  if (entries.length === 0) return `nothing is kept in "${directory}"`;
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = entries.map((entry) => [
    entry.key.slice(0, 8),
    entry.model,
    entry.data,
    String(entry.resolution),
    `${entry.rows} x ${entry.length} ${entry.type}`,
    binaryBytes(entry.bytes),
    entry.lastUsed.toISOString().slice(0, 16).replace("T", " "),
  ]);
  const heads = ["key", "model", "data", "resolution", "features", "on disk", "last used (UTC)"];
  return `${table(heads, rows)}\n${binaryBytes(total)} in "${directory}"`;
}
