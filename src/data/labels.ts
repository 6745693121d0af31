import { createReadStream } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parse } from "csv-parse";
import { DataError, reason } from "../errors.js";
import { openFile } from "../files.js";
import { readDevkit } from "./devkit.js";
import { shown } from "./source.js";

/** What a file says of pictures: a label for each name, or labels alone, in the order of the pictures' names. */
export type LabelList =
  | { readonly kind: "named"; readonly labels: ReadonlyMap<string, string> }
  | { readonly kind: "ordered"; readonly labels: readonly string[] };

/** Names of files of labels that are looked for beside pictures, best first. */
export const LABEL_FILES = [
  /^LOC_val_solution\.csv$/,
  /^ILSVRC2012_validation_ground_truth\.txt$/,
  /^(val|validation|labels?|ground_?truth|annotations?)([-_]?(labels?|map|list|annotations?))?\.(csv|tsv|txt)$/i,
];

/** What columns of names and of labels are called; `ImageId` and `PredictionString` are Kaggle's. */
const NAMES = /^(file_?names?|files?|images?|image_?(id|path|name|file)|paths?|name|picture)$/i;
const LABELS = /^(labels?|class(es|_?name|_?id|_?label)?|wnid|synset|targets?|category|predictionstring|y)$/i;

/**
 * Reads a file of labels: CSV or TSV with or without a head, lines of a name and a label, Kaggle's `LOC_val_solution.csv`, lines with
 * a label alone, or the ground truth of ImageNet's devkit, whose own numbers are translated by the `meta.mat` beside it.
 * @throws {DataError} where it is missing or not of such a form: with the line
 */
export async function readLabels(path: string): Promise<LabelList> {
  const rows = await rowsOf(path);
  if (rows.length === 0) throw new DataError(`label file "${path}" holds nothing.`);
  if (/^ILSVRC20\d\d_validation_ground_truth\.txt$/.test(basename(path))) {
    const translate = await readDevkit(join(dirname(path), "meta.mat"));
    return { kind: "ordered", labels: rows.map(([id = ""], i) => translate(id, `"${path}", line ${i + 1}`)) };
  }
  if (rows.every((row) => row.length === 1)) return { kind: "ordered", labels: rows.map(([label]) => label!) };
  const head = headOf(rows[0]!);
  const { name: nameColumn, label: labelColumn } = head ?? { name: 0, label: rows[0]!.length - 1 };
  // Behind the class, its boxes.
  const kaggle = rows[0]![labelColumn] === "PredictionString";
  const labels = new Map<string, string>();
  for (const [i, row] of rows.entries()) {
    if (head !== null && i === 0) continue;
    const name = row[nameColumn]?.replace(/^\.\//, "");
    const label = kaggle ? row[labelColumn]?.split(" ")[0] : row[labelColumn];
    if (!name || !label)
      throw new DataError(`label file "${path}", line ${i + 1}: name or label is missing (${shown(row.join(","))}).`);
    const other = labels.get(name);
    if (other !== undefined && other !== label)
      throw new DataError(
        `label file "${path}", line ${i + 1}: "${shown(name)}" is ${shown(label)} here and ${shown(other)} before.`,
      );
    labels.set(name, label);
  }
  return { kind: "named", labels };
}

function headOf(row: readonly string[]): { name: number; label: number } | null {
  const [name, label] = [NAMES, LABELS].map((pattern) => row.findIndex((cell) => pattern.test(cell)));
  return name === -1 || label === -1 ? null : { name: name!, label: label! };
}

/** Lines as cells: at commas, tabs or semicolons, whichever the file has, else the last word apart from what is before it. */
async function rowsOf(path: string): Promise<string[][]> {
  await (await openFile(path, "label file")).close();
  const first = await firstLine(path);
  const delimiter = ["\t", ",", ";"].find((character) => first.includes(character));
  const options = delimiter === undefined ? { delimiter: [], quote: false } : { delimiter, relax_quotes: true };
  const rows: string[][] = [];
  const parser = createReadStream(path).pipe(
    parse({ ...options, bom: true, trim: true, skip_empty_lines: true, relax_column_count: true }),
  );
  try {
    for await (const row of parser as AsyncIterable<string[]>) {
      if (delimiter !== undefined) rows.push(row);
      else {
        const [, name, label] = /^(.*\S)\s+(\S+)$/.exec(row[0]!) ?? [];
        rows.push(name === undefined ? [row[0]!] : [name, label!]);
      }
    }
  } catch (error) {
    throw new DataError(`label file "${path}" is no CSV (${reason(error)}).`);
  }
  return rows;
}

async function firstLine(path: string): Promise<string> {
  for await (const chunk of createReadStream(path, { end: 1 << 16 })) return String(chunk).split("\n", 1)[0]!;
  return "";
}
