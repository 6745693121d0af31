import { z } from "zod";
import type { BadPicture } from "../../data/index.js";
import { headOfLog as headOf, type LineLog, type LogForm, openLineLog } from "../../line-log.js";
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
export type RowLog = LineLog<LogEntry>;

const FORM: LogForm<RecordHead, LogEntry> = { head: RecordHeadSchema, entry: Entry, of: "an evaluation" };

/** What an evaluation that was stopped rests on, as `headOfLog` of any log. */
export const headOfLog = (path: string): Promise<RecordHead | null> => headOf(path, FORM);

/** Opens the rows of an evaluation under way, or begins them. */
export const openRowLog = (path: string, head: RecordHead): Promise<RowLog> => openLineLog(path, head, FORM);
