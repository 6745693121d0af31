/**
 * `npm run parity -- FILE...`: recomputes golden files with this project's own code, prints a line an entry, and exits
 * with 1 where a tolerance is exceeded, 2 where a file cannot be used. docs/PARITY.md describes the format.
 */
import { readFileSync } from "node:fs";
import { checkFixres, Fixres } from "./fixres.js";
import { checkForward, Forward } from "./forward.js";
import { checkPreprocess, Preprocess } from "./preprocess.js";
import { allPassed, type EntryResult, line } from "./report.js";
import { checkTrain, Train } from "./train.js";

/** What each kind of golden file looks like and how it is checked; the first that fits is taken. */
const KINDS: readonly ((golden: unknown) => AsyncGenerator<EntryResult> | null)[] = [
  (golden) => run(Forward.safeParse(golden), checkForward),
  (golden) => run(Train.safeParse(golden), checkTrain),
  (golden) => run(Fixres.safeParse(golden), checkFixres),
  (golden) => run(Preprocess.safeParse(golden), checkPreprocess),
];

function run<T>(
  parsed: { success: boolean; data?: T },
  check: (golden: T) => AsyncGenerator<EntryResult>,
): AsyncGenerator<EntryResult> | null {
  return parsed.success ? check(parsed.data as T) : null;
}

/** The content of a file, or null where there is none or it is not JSON. */
function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

async function main(files: readonly string[]): Promise<number> {
  if (files.length === 0) {
    console.error("usage: npm run parity -- FILE...   (golden files: forward, train, fixres or preprocess)");
    return 2;
  }
  let failed = 0;
  for (const file of files) {
    const golden = read(file);
    const results = KINDS.map((kind) => kind(golden)).find((found) => found !== null);
    if (golden === null || !results) {
      console.error(
        `${file}: this cannot be read, or is none of the known kinds of golden file (forward, train, fixres, preprocess).`,
      );
      return 2;
    }
    for await (const result of results) {
      console.log(line(result));
      if (!allPassed(result)) failed++;
    }
  }
  console.log(failed === 0 ? "all entries within tolerance" : `${failed} entries out of tolerance`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
