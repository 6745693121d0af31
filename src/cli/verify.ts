import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { openParts, type Verification, verify } from "../data/index.js";
import { FailedError } from "../errors.js";
import * as cli from "./options.js";
import { table } from "./table.js";

/** Threads that Node decodes on unless told otherwise, which must be before it starts. */
const POOL = 4;

/** Findings that are shown to people; `--json` has them all. */
const SHOWN = 20;

export const verifyCommand = cli
  .command(
    "verify",
    "Decode all pictures of a data set: bad ones, duplicates, classes. Exit code 1 where there are bad ones.",
    ["fixres verify pictures", "fixres verify 'shards/val-{000..049}.tar' --json"],
  )
  .argument("<data>", "directory with train/ and val/, or one part: folders a class, tars, Parquet, ... (docs/DATA.md)")
  .option("--labels <file>", "labels of pictures that lie in no class folders")
  .action(async (path: string, options: { labels?: string; json?: boolean }) => {
    if (availableParallelism() > POOL && process.env.UV_THREADPOOL_SIZE === undefined) return onAllCores();
    const { progress, signal } = cli.surroundings();
    const parts = await openParts(path, options);
    for (const { source } of parts) source.notes.forEach(progress.note);
    const found = await verify(parts, { signal, progress });
    cli.print(options.json, found, () =>
      report(
        found,
        parts.map(({ part }) => part),
      ),
    );
    if (found.bad.length > 0)
      throw new FailedError(`${found.bad.length} of ${found.pictures} pictures are bad; restore or remove them.`);
  });

/** The same command, with a thread a core. */
async function onAllCores(): Promise<void> {
  const env = { ...process.env, UV_THREADPOOL_SIZE: String(availableParallelism()) };
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], { env, stdio: "inherit" });
  // A terminal's Ctrl-C reaches the child by itself; it decides what becomes of it.
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => child.kill(name));
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve(status ?? 1));
  });
  process.exit(code);
}

function report(
  { pictures, bad, duplicates, classes, seconds, picturesPerSecond }: Verification,
  parts: readonly string[],
): string {
  const rows = Object.entries(classes).map(([name, counts]) => ({
    name,
    counts: parts.map((part) => counts[part] ?? 0),
  }));
  const lines = [
    ...listed("pictures cannot be read", bad, ({ part, name, reason }) => `${part} ${name}: ${reason}`),
    ...listed("pictures are there more than once", duplicates, (group) =>
      group.map(({ part, name }) => `${part} ${name}`).join(" = "),
    ),
  ];
  if (rows.length <= SHOWN)
    lines.push(
      table(
        ["class", ...parts],
        rows.map(({ name, counts }) => [name, ...counts.map(String)]),
      ),
    );
  else
    for (const [i, part] of parts.entries()) {
      const counts = rows.map((row) => row.counts[i]!);
      lines.push(`${part}: ${rows.length} classes of ${Math.min(...counts)} to ${Math.max(...counts)} pictures`);
    }
  lines.push(
    `${pictures} pictures, ${bad.length} bad, in ${seconds.toFixed(1)} s (${cli.rate(picturesPerSecond)} a second)`,
  );
  return lines.join("\n");
}

function listed<T>(what: string, all: readonly T[], line: (one: T) => string): string[] {
  if (all.length === 0) return [];
  const rest = all.length > SHOWN ? [`  and ${all.length - SHOWN} more (--json lists them)`] : [];
  return [`${all.length} ${what}:`, ...all.slice(0, SHOWN).map((one) => `  ${line(one)}`), ...rest];
}
