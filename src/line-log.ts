/**
 * Files of lines that grow while work is under way, from which work that was stopped goes on: a line of what it rests on, then one a
 * part of the work.
 *
 * @module
 */
import { type FileHandle, open } from "node:fs/promises";
import type { ZodType } from "zod";
import { DataError } from "./errors.js";

/** What the lines of a log hold. */
export interface LogForm<Head, Entry> {
  readonly head: ZodType<Head>;
  readonly entry: ZodType<Entry>;
  /** What leaves such a file when it is stopped, for messages, such as `an evaluation`. */
  readonly of: string;
}

/** What each line has: the position in the work after it, above 0, which grows from line to line. */
export interface Placed {
  readonly end: number;
}

export interface LineLog<Entry> {
  /** The whole lines that are there, from the first. */
  entries(): AsyncGenerator<Entry>;
  append(entry: Entry): Promise<void>;
  close(): Promise<void>;
}

/**
 * What work that was stopped rests on; null where its file has not even that, or does not exist.
 * @throws {DataError} where the first line is something else
 */
export async function headOfLog<Head>(path: string, form: Pick<LogForm<Head, never>, "head" | "of">) {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (file === null) return null;
  for await (const { text } of lines(file)) {
    const head = form.head.safeParse(parsed(text));
    if (head.success) return head.data;
    throw new DataError(
      `"${path}" is not what ${form.of} leaves when it is stopped; remove it, or give another --out.`,
    );
  }
  return null;
}

/** Opens the log of work under way, or begins it. A line that a killed process has left in part is cut off. */
export async function openLineLog<Head, Entry extends Placed>(
  path: string,
  head: Head,
  form: LogForm<Head, Entry>,
): Promise<LineLog<Entry>> {
  if ((await headOfLog(path, form)) === null) {
    const fresh = await open(path, "w");
    await fresh.writeFile(`${JSON.stringify(head)}\n`);
    await fresh.close();
  }
  let whole = 0;
  for await (const { end } of entriesOf(path, form.entry)) whole = end;
  const file = await open(path, "r+");
  await file.truncate(whole);
  await file.close();
  const handle = await open(path, "a");
  return {
    async *entries() {
      for await (const { entry } of entriesOf(path, form.entry)) if (entry !== null) yield entry;
    },
    append: (entry) => handle.appendFile(`${JSON.stringify(entry)}\n`),
    close: () => handle.close(),
  };
}

/** Lines that hold what they should, with the byte behind each; the first is the head and has no entry. */
async function* entriesOf<Entry extends Placed>(
  path: string,
  schema: ZodType<Entry>,
): AsyncGenerator<{ entry: Entry | null; end: number }> {
  let last = 0;
  let first = true;
  for await (const { text, end } of lines(await open(path, "r"))) {
    if (first) {
      first = false;
      yield { entry: null, end };
      continue;
    }
    const entry = schema.safeParse(parsed(text));
    if (!entry.success || entry.data.end <= last) return;
    last = entry.data.end;
    yield { entry: entry.data, end };
  }
}

/** The lines of a file that end in a line break, with the byte behind each. Closes the file. */
async function* lines(file: FileHandle): AsyncGenerator<{ text: string; end: number }> {
  try {
    let rest = Buffer.alloc(0);
    let start = 0;
    for await (const piece of file.createReadStream({ autoClose: false })) {
      rest = Buffer.concat([rest, piece as Buffer]);
      for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
        const text = rest.subarray(0, at).toString();
        rest = rest.subarray(at + 1);
        start += at + 1;
        yield { text, end: start };
      }
    }
  } finally {
    await file.close();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
