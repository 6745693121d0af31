import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { checkedJson } from "../../files.js";
import { realWithin } from "./contain.js";
import type { Database } from "./database.js";

/** What is read of an evaluation's `evaluation.json`. */
const Summary = z.looseObject({
  classes: z.array(z.string()).min(1),
  data: z.looseObject({ name: z.string() }),
  results: z.looseObject({ n: z.number(), top1: z.number(), top5: z.number(), loss: z.number() }),
});

/** An evaluation of a run, complete with its rows. */
export interface EvaluationFolder {
  /** Of what part of its run, such as "after"; null where it is of all. */
  readonly part: string | null;
  readonly folder: string;
  /** The real path of its rows, below the runs folder. */
  readonly rows: string;
  readonly classes: readonly string[];
  /** The source that it was made of. */
  readonly source: string;
  readonly n: number;
  readonly top1: number;
  readonly top5: number;
  readonly loss: number;
}

/** What a run began with comes before what it ended with, and the rounds of students behind their teacher, in their order. */
const rank = (place: string): number => {
  const round = /^round-(\d+)\/evaluation$/.exec(place)?.[1];
  if (round !== undefined) return 10 + Number(round);
  const known = [".", "evaluation", null, "evaluations/before", "evaluations/after", "teacher/evaluation"];
  return known.includes(place) ? known.indexOf(place) : known.indexOf(null);
};

/** The evaluations that a run's folder holds: itself, those below `evaluations/`, and those of a teacher and its students. */
export async function evaluationsOf(root: string, folder: string): Promise<EvaluationFolder[]> {
  const foldersIn = async (path: string): Promise<string[]> => {
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  };
  const own = (await foldersIn(folder)).filter((name) => /^(teacher|round-\d+)$/.test(name));
  const below = await foldersIn(join(folder, "evaluations"));
  const places = [
    ...[".", "evaluation", ...own.map((name) => `${name}/evaluation`)],
    ...below.map((name) => `evaluations/${name}`),
  ].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const found = await Promise.all(places.map((name) => evaluationAt(root, join(folder, name), name)));
  return found.filter((one) => one !== null);
}

/** What an evaluation is of, by its place; null where a run has no other. */
const partOf = (place: string): string | null =>
  place === "." || place === "evaluation" ? null : place.replace(/^evaluations\/|\/evaluation$/g, "");

const summaries = new Map<string, { stamp: string; summary: z.infer<typeof Summary> }>();

async function evaluationAt(root: string, folder: string, name: string): Promise<EvaluationFolder | null> {
  const file = await realWithin(root, join(folder, "evaluation.json"));
  const rows = await realWithin(root, join(folder, "pictures.parquet"));
  if (file === null || rows === null) return null;
  const { mtimeMs, size } = await stat(file);
  const stamp = `${mtimeMs} ${size}`;
  let known = summaries.get(file);
  if (known?.stamp !== stamp) {
    try {
      known = { stamp, summary: checkedJson(await readFile(file, "utf8"), Summary, "record") };
    } catch {
      return null;
    }
    summaries.set(file, known);
    if (summaries.size > 64) summaries.delete(summaries.keys().next().value!);
  }
  const { classes, data, results } = known.summary;
  const { n, top1, top5, loss } = results;
  return { part: partOf(name), folder, rows, classes, source: data.name, n, top1, top5, loss };
}

/** Which rows, in which order. */
export const RowQuery = z.strictObject({
  page: z.coerce.number().int().min(0).max(1_000_000).default(0),
  size: z.coerce.number().int().min(1).max(200).default(50),
  label: z.coerce.number().int().min(-1).optional(),
  predicted: z.coerce.number().int().min(0).optional(),
  outcome: z.enum(["right", "wrong", "top5"]).optional(),
  sort: z.enum(["place", "loss", "-loss", "confidence", "-confidence"]).default("-loss"),
  text: z.string().max(200).optional(),
});
export type RowQuery = z.infer<typeof RowQuery>;

/** One picture's prediction; `row` is its place in the file. */
export interface PredictionRow {
  readonly row: number;
  readonly id: string;
  readonly label: number;
  readonly predicted: number;
  readonly probability: number;
  readonly loss: number;
  readonly correct: boolean;
}

const ORDER = {
  place: "file_row_number",
  loss: "loss, file_row_number",
  "-loss": "loss DESC, file_row_number",
  confidence: "probability1, file_row_number",
  "-confidence": "probability1 DESC, file_row_number",
} as const satisfies Record<RowQuery["sort"], string>;

const OUTCOME = { right: "correct", wrong: "NOT correct", top5: "correct5 AND NOT correct" } as const;

const counts = new Map<string, number>();

/** A page of rows, and how many there are in all. */
export async function rowsOf(
  database: Database,
  { rows: file }: Pick<EvaluationFolder, "rows">,
  query: RowQuery,
): Promise<{ total: number; rows: PredictionRow[] }> {
  const values: (string | number)[] = [file];
  const bound = (value: string | number): string => `$${values.push(value)}`;
  const conditions = [
    query.label === undefined ? null : `label = ${bound(query.label)}`,
    query.predicted === undefined ? null : `top1 = ${bound(query.predicted)}`,
    query.outcome === undefined ? null : OUTCOME[query.outcome],
    query.text ? `contains(lower(id), ${bound(query.text.toLowerCase())})` : null,
  ].filter((condition) => condition !== null);
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const from = `FROM read_parquet($1, file_row_number = true) ${where}`;
  const { mtimeMs, size } = await stat(file);
  const key = JSON.stringify([mtimeMs, size, where, values]);
  let total = counts.get(key);
  if (total === undefined) {
    const [row] = await database.ask<{ n: string }>(`SELECT count(*) AS n ${from}`, values);
    total = Number(row!.n);
    counts.set(key, total);
    if (counts.size > 1000) counts.delete(counts.keys().next().value!);
  }
  // Of the rows that are not shown, only what orders them is read.
  const page = `SELECT file_row_number AS row ${from} ORDER BY ${ORDER[query.sort]} LIMIT ${bound(query.size)} OFFSET ${bound(query.page * query.size)}`;
  const places = await database.ask<{ row: string }>(page, values);
  if (places.length === 0) return { total, rows: [] };
  const list = places.map(({ row }) => Number(row));
  const shown = await database.ask<Record<keyof PredictionRow, string | number | boolean>>(
    `SELECT file_row_number AS row, id, label, top1 AS predicted, probability1 AS probability, loss, correct
     FROM read_parquet($1, file_row_number = true) WHERE file_row_number IN (${list.join(", ")})`,
    [file],
  );
  const byPlace = new Map(
    shown.map((row): [number, PredictionRow] => [
      Number(row.row),
      {
        ...{ row: Number(row.row), id: String(row.id), label: Number(row.label), predicted: Number(row.predicted) },
        ...{ probability: Number(row.probability), loss: Number(row.loss), correct: Boolean(row.correct) },
      },
    ]),
  );
  return { total, rows: list.flatMap((row) => byPlace.get(row) ?? []) };
}

/** The name of the picture of a row; null where there is no such row. */
export async function pictureName(database: Database, file: string, row: number): Promise<string | null> {
  const [found] = await database.ask<{ id: string }>(
    "SELECT id FROM read_parquet($1, file_row_number = true) WHERE file_row_number = $2",
    [file, row],
  );
  return found?.id ?? null;
}

/** Pictures of each class, and of each prediction, by index. */
export async function classCounts(
  database: Database,
  file: string,
): Promise<{ label: number; n: number; right: number }[]> {
  const rows = await database.ask<Record<"label" | "n" | "right", string | number>>(
    'SELECT label, count(*) AS n, count(*) FILTER (correct) AS "right" FROM read_parquet($1) GROUP BY label ORDER BY label',
    [file],
  );
  return rows.map((row) => ({ label: Number(row.label), n: Number(row.n), right: Number(row.right) }));
}
