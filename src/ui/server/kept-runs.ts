import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../files.js";
import { VERSION } from "../../version.js";
import type { KeptRun } from "./run-index.js";
import { OWN_FOLDER } from "./token.js";

const fileIn = (root: string): string => join(root, OWN_FOLDER, "index.json");

/** Changes with what is kept of a run. */
const FORMAT = `fixres-ui-index-1 ${VERSION}`;

/** Runs as an earlier server knew them, by id, so that thousands need not be read anew at each start; none where that is of no use. */
export async function keptRuns(root: string): Promise<ReadonlyMap<string, KeptRun>> {
  try {
    const { format, runs } = JSON.parse(await readFile(fileIn(root), "utf8")) as {
      format: string;
      runs: [string, KeptRun][];
    };
    return new Map(format === FORMAT ? runs : []);
  } catch {
    return new Map();
  }
}

/** Keeps runs for the next server. That it cannot is no fault: it would only be quicker. */
export async function keepRuns(root: string, runs: ReadonlyMap<string, KeptRun>): Promise<void> {
  const kept = Array.from(runs, ([id, { stamp, summary, process, words }]) => [id, { stamp, summary, process, words }]);
  await writeFileAtomic(fileIn(root), JSON.stringify({ format: FORMAT, runs: kept })).catch(() => {});
}
