import { type FileHandle, open } from "node:fs/promises";
import { z } from "zod";
import type { BadPicture } from "../../data/index.js";
import { DataError } from "../../errors.js";
import { type RecordHead, RecordHead as RecordHeadSchema } from "./head.js";
import type { Row } from "./rows.js";

/** What one batch has left. */
export interface LogEntry {
  readonly rows: readonly Row[];
  readonly bad: readonly BadPicture[];
  /** The position in the source after it. */
  readonly end: number;
}

const Entry = z.strictObject({
  end: z.number().int().positive(),
  bad: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
  rows: z.array(
    z.strictObject({
      id: z.string(),
      label: z.number(),
      top: z.array(z.number()).min(1),
      probability: z.array(z.number()).min(1),
      loss: z.number(),
      correct: z.boolean(),
      correct5: z.boolean(),
    }),
  ),
});

/** Rows of an evaluation under way: a line of what it rests on, then a line a batch. */
export interface RowLog {
  /** The whole lines that are there, from the first. */
  entries(): AsyncGenerator<LogEntry>;
  append(entry: LogEntry): Promise<void>;
  close(): Promise<void>;
}

/**
 * What an evaluation that was stopped rests on; null where its file has not even that, or does not exist.
 * @throws {DataError} where the first line is something else
 */
export async function headOfLog(path: string): Promise<RecordHead | null> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (file === null) return null;
  for await (const { text } of lines(file)) {
    const head = RecordHeadSchema.safeParse(parsed(text));
    if (head.success) return head.data;
    throw new DataError(
      `"${path}" is not what an evaluation leaves when it is stopped; remove it, or give another --out.`,
    );
  }
  return null;
}

/** Opens the rows of an evaluation under way, or begins them. A line that a killed process has left in part is cut off. */
export async function openRowLog(path: string, head: RecordHead): Promise<RowLog> {
  if ((await headOfLog(path)) === null) {
    const fresh = await open(path, "w");
    await fresh.writeFile(`${JSON.stringify(head)}\n`);
    await fresh.close();
  }
  let whole = 0;
  for await (const { end } of entriesOf(path)) whole = end;
  const file = await open(path, "r+");
  await file.truncate(whole);
  await file.close();
  const handle = await open(path, "a");
  return {
    async *entries() {
      for await (const { entry } of entriesOf(path)) if (entry !== null) yield entry;
    },
    append: ({ end, bad, rows }) => handle.appendFile(`${JSON.stringify({ end, bad, rows })}\n`),
    close: () => handle.close(),
  };
}

/** Lines that hold what they should, with the byte behind each; the first is the head and has no entry. */
async function* entriesOf(path: string): AsyncGenerator<{ entry: LogEntry | null; end: number }> {
  let last = 0;
  let first = true;
  for await (const { text, end } of lines(await open(path, "r"))) {
    if (first) {
      first = false;
      yield { entry: null, end };
      continue;
    }
    const entry = Entry.safeParse(parsed(text));
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
