import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Source } from "../../data/index.js";
import { DataError, RequestError } from "../../errors.js";
import { exists, makeFolder, readJson, writeFileAtomic } from "../../files.js";
import type { Model } from "../../models/index.js";
import { type Details, detailedTally, type Scored } from "../details.js";
import { type EvaluateOptions, type Evaluation, evaluate, type ScoreLog } from "../evaluate.js";
import { TOP, type Truth } from "../metrics.js";
import { headDifferences, RecordHead, recordHead } from "./head.js";
import { headOfLog, type LogEntry, openRowLog, type RowLog } from "./log.js";
import { readRows, writeRows } from "./parquet.js";
import { type Row, rowsOf, scoredOf } from "./rows.js";

const SUMMARY = "evaluation.json";
const ROWS = "pictures.parquet";
/** There while the evaluation is under way. */
const LOG = ".pictures.jsonl";

/** `evaluation.json` of a record: what the evaluation rests on, and what it found. */
const Summary = z.strictObject({
  ...RecordHead.shape,
  classes: z.array(z.string()).min(1),
  results: z.looseObject({ n: z.number(), bad: z.array(z.strictObject({ name: z.string(), reason: z.string() })) }),
});

/** An evaluation as it is kept: what it rests on, and how each picture came out. */
export interface EvaluationRecord {
  /** What it is called in tables. */
  readonly name: string;
  readonly head: RecordHead;
  readonly rows: readonly Row[];
}

/**
 * Evaluates, and leaves in a directory what it rests on (`evaluation.json`) and a row a picture (`pictures.parquet`). The same call
 * goes on where an earlier one was stopped, at whatever moment, and gives the same files; where the earlier one was complete nothing
 * is computed.
 * @param name - what the user calls the model
 * @throws {RequestError} where the directory holds an evaluation that rests on something else, which is named
 */
export async function evaluateInto(
  directory: string,
  name: string,
  model: Model,
  source: Source,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const head = recordHead(name, model, source, options);
  await makeFolder(directory);
  const [summary, log] = [join(directory, SUMMARY), join(directory, LOG)];
  const complete = (await exists(summary)) ? await readJson(summary, Summary, "record") : null;
  const earlier = complete ?? (await headOfLog(log));
  const differences = earlier === null ? [] : headDifferences(earlier, head);
  if (differences.length > 0) {
    throw new RequestError(
      `"${directory}" holds an evaluation that rests on something else: ${differences.join("; ")}. Give another --out, or the same model, data and options.`,
    );
  }
  const indexOf = new Map(Array.from(source.samples, ({ name: id }, i) => [id, i]));
  if (complete !== null) {
    const kept = completeScores(directory, indexOf, source, complete.results.bad, options.truth);
    const found = await evaluate(model, source, { ...options, log: { kept: () => kept, add: async () => {} } });
    await rm(log, { force: true });
    return found;
  }
  const rows = await openRowLog(log, head);
  try {
    const found = await evaluate(model, source, { ...options, log: scoreLog(rows, source, indexOf, options.truth) });
    const { correct: _, seconds: __, imagesPerSecond: ___, preprocessing: ____, notes: _____, ...results } = found;
    await writeRecord(directory, { head, classes: source.classes, rows: rowsIn(rows), results });
    await rm(log, { force: true });
    return found;
  } finally {
    await rows.close();
  }
}

/** The files of a record, the summary last: where it is, the record is complete. */
async function writeRecord(
  directory: string,
  {
    head,
    classes,
    rows,
    results,
  }: {
    head: RecordHead;
    classes: readonly string[];
    rows: AsyncIterable<readonly Row[]>;
    results: Details & { readonly bad: Evaluation["bad"] };
  },
): Promise<void> {
  const metadata = { fixres: JSON.stringify(head) };
  await writeRows(join(directory, ROWS), rows, Math.min(TOP, classes.length), metadata);
  await writeFileAtomic(join(directory, SUMMARY), `${JSON.stringify({ ...head, classes, results }, null, 1)}\n`);
}

/** Leaves the record of scores that were computed elsewhere, in place of one that may be there. */
export async function saveRecord(
  directory: string,
  head: RecordHead,
  source: Source,
  scored: readonly Scored[],
): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await makeFolder(directory);
  const sums = detailedTally(source);
  for (const part of scored) sums.add(part);
  async function* rows() {
    for (const part of scored) yield rowsOf(source, part);
  }
  const results = { ...sums.result(), bad: scored.flatMap(({ bad }) => bad) };
  await writeRecord(directory, { head, classes: source.classes, rows: rows(), results });
}

async function* rowsIn(log: RowLog): AsyncGenerator<readonly Row[]> {
  for await (const { rows } of log.entries()) yield rows;
}

function scoreLog(
  log: RowLog,
  source: Source,
  indexOf: ReadonlyMap<string, number>,
  truth?: readonly Truth[],
): ScoreLog {
  return {
    async *kept() {
      for await (const { rows, bad, end } of log.entries()) yield scoredOf(rows, indexOf, { truth, bad, end });
    },
    add: (scored) => log.append({ rows: rowsOf(source, scored), bad: scored.bad, end: scored.end }),
  };
}

/** The scores of a complete record; the position behind them is the end of the source. */
async function* completeScores(
  directory: string,
  indexOf: ReadonlyMap<string, number>,
  source: Source,
  bad: LogEntry["bad"],
  truth?: readonly Truth[],
) {
  yield scoredOf([], indexOf, { truth, bad, end: source.samples.length });
  for await (const rows of readRows(join(directory, ROWS)))
    yield scoredOf(rows, indexOf, { truth, bad: [], end: source.samples.length });
}

/** A record whose rows are read when they are asked for. */
export interface OpenRecord extends Omit<EvaluationRecord, "rows"> {
  readonly classes: readonly string[];
  /** Pictures that were scored, each of which has a row. */
  readonly n: number;
  /** The rows, some thousand at a time. @throws {DataError} where they are damaged or not as many as they should be */
  rows(): AsyncGenerator<Row[]>;
}

/**
 * Opens a record.
 * @throws {DataError} where the directory holds none, or an incomplete one
 */
export async function openRecord(directory: string): Promise<OpenRecord> {
  if (!(await exists(join(directory, SUMMARY)))) {
    const begun = await exists(join(directory, LOG));
    throw new DataError(
      begun
        ? `the evaluation in "${directory}" is not complete; give the same \`fixres eval\` again to go on with it.`
        : `"${directory}" holds no ${SUMMARY}; give a folder that \`fixres eval --out\` wrote.`,
    );
  }
  const { classes, results, ...head } = await readJson(join(directory, SUMMARY), Summary, "record");
  const { n } = results;
  return {
    ...{ name: head.model.name, head, classes, n },
    async *rows() {
      let read = 0;
      for await (const part of readRows(join(directory, ROWS))) {
        read += part.length;
        yield part;
      }
      if (read !== n)
        throw new DataError(`"${directory}" has ${read} rows, but ${n} pictures were scored; evaluate again.`);
    },
  };
}

/**
 * Reads a record, all of it.
 * @throws {DataError} where the directory holds none, or an incomplete one
 */
export async function readRecord(directory: string): Promise<EvaluationRecord> {
  const { name, head, rows } = await openRecord(directory);
  const all: Row[] = [];
  for await (const part of rows()) all.push(...part);
  return { name, head, rows: all };
}

/** True for a directory with a record. */
export const isRecord = (directory: string): Promise<boolean> => exists(join(directory, SUMMARY));

/** Evaluates without leaving files, for a comparison. */
export async function evaluateRecord(
  name: string,
  model: Model,
  source: Source,
  options: EvaluateOptions,
): Promise<EvaluationRecord> {
  const rows: Row[] = [];
  const log: ScoreLog = {
    async *kept() {},
    async add(scored) {
      rows.push(...rowsOf(source, scored));
    },
  };
  await evaluate(model, source, { ...options, log });
  return { name, head: recordHead(name, model, source, options), rows };
}
