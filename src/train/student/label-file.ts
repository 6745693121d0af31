import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { BadPicture, Source, TestPreprocessing } from "../../data/index.js";
import { DataError, RequestError } from "../../errors.js";
import {
  headDifferences,
  openTable,
  RecordHead,
  recordHead,
  type TableForm,
  testPreprocessing,
  writeTable,
} from "../../evaluate/index.js";
import { checkedJson, exists, makeFolder } from "../../files.js";
import { headOfLog, type LogForm, openLineLog } from "../../line-log.js";
import type { Model } from "../../models/index.js";
import { type Progress, silent } from "../../progress.js";
import { type LabelledBatch, type LabelOptions, labelled, type PseudoLabel, type Range } from "./label.js";

/** What pseudo labels rest on: teacher, pictures by their names, how those were shown, and which of them were. */
const LabelHead = z.strictObject({
  ...RecordHead.shape,
  format: z.literal("fixres-pseudo-labels-1"),
  classes: z.array(z.string()).min(1),
  /** Positions of the first picture and behind the last. */
  range: z.tuple([z.number().int().min(0), z.number().int().min(0)]),
});
export type LabelHead = z.infer<typeof LabelHead>;

const Bad = z.array(z.strictObject({ name: z.string(), reason: z.string() }));

/** A line of the log: `p` is the bytes of the probabilities in base64. */
const Entry = z.strictObject({
  end: z.number().int().positive(),
  bad: Bad,
  rows: z.array(z.strictObject({ index: z.number(), name: z.string(), content: z.string(), p: z.string() })),
});
type Entry = z.infer<typeof Entry>;

const FORM: LogForm<LabelHead, Entry> = { head: LabelHead, entry: Entry, of: "labelling" };

/** Rows a group: of a thousand classes 8 MB. */
const ROW_GROUP = 2000;

const WHAT = { what: "pseudo labels", remedy: "label the pictures again", rowGroup: ROW_GROUP };

const COLUMNS = ["index", "name", "content", "label", "confidence"] as const;

const TABLE: TableForm<PseudoLabel> = {
  schema: [
    { name: "root", num_children: COLUMNS.length + 1 },
    { name: "index", type: "INT32", repetition_type: "REQUIRED" },
    { name: "name", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
    { name: "content", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
    { name: "label", type: "INT32", repetition_type: "REQUIRED" },
    { name: "confidence", type: "FLOAT", repetition_type: "REQUIRED" },
    { name: "probabilities", converted_type: "LIST", repetition_type: "REQUIRED", num_children: 1 },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", type: "FLOAT", repetition_type: "REQUIRED" },
  ],
  columns: (rows) => [
    { name: "index", data: rows.map(({ index }) => index) },
    { name: "name", data: rows.map(({ name }) => name) },
    { name: "content", data: rows.map(({ content }) => content) },
    { name: "label", data: rows.map(({ probabilities }) => likeliest(probabilities)) },
    { name: "confidence", data: rows.map(({ probabilities }) => probabilities[likeliest(probabilities)]!) },
    { name: "probabilities", data: rows.map(({ probabilities }) => [...probabilities]) },
  ],
  rowGroup: ROW_GROUP,
};

/** The first class of the largest probability. */
const likeliest = (probabilities: Float32Array): number =>
  probabilities.reduce((best, value, i) => (value > probabilities[best]! ? i : best), 0);

/** Pseudo labels that are kept in a file. */
export interface LabelFile {
  readonly path: string;
  readonly head: LabelHead;
  /** Pictures that have labels. */
  readonly n: number;
  /** Pictures that could not be read and have none. */
  readonly bad: readonly BadPicture[];
}

export interface LabelIntoOptions extends LabelOptions {
  /** Which of the source's pictures; all unless given. */
  readonly range?: Range;
  readonly progress?: Progress;
}

/**
 * Labels pictures by a teacher and leaves what it says in a Parquet file, a row a picture. The same call goes on where an earlier one was
 * stopped, at whatever moment, and gives the same file; where that is complete nothing is computed.
 * @param name - what the user calls the teacher
 * @throws {RequestError} where the file rests on something else, which is named, or the range is not within the source
 */
export async function labelInto(
  path: string,
  name: string,
  teacher: Model,
  source: Source,
  { range = [0, source.samples.length], progress = silent, ...options }: LabelIntoOptions,
): Promise<LabelFile> {
  const [start, end] = range;
  if (!(start >= 0 && start < end && end <= source.samples.length))
    throw new RequestError(`there are no pictures ${start} to ${end} among ${source.samples.length}; give others.`);
  // Through the schema, so that it has the order of keys that it has when it was read.
  const head = LabelHead.parse({
    ...recordHead(name, teacher, source, options),
    format: "fixres-pseudo-labels-1",
    classes: [...teacher.classes],
    range: [start, end],
  });
  const log = join(dirname(path), `.${basename(path)}.jsonl`);
  await makeFolder(dirname(path));
  const complete = (await exists(path)) ? await openLabels(path) : null;
  const earlier = complete?.head ?? (await headOfLog(log, FORM));
  const differences = earlier === null ? [] : headDifferences(earlier, head);
  if (differences.length > 0)
    throw new RequestError(
      `"${path}" holds labels that rest on something else: ${differences.join("; ")}. Give another --out, or the same teacher, pictures and options.`,
    );
  if (complete !== null) {
    await rm(log, { force: true });
    return complete;
  }
  const kept = await openLineLog(log, head, FORM);
  try {
    let at = start;
    for await (const entry of kept.entries()) at = entry.end;
    const task = progress.start("label", end - start, "pictures", at - start);
    try {
      for await (const batch of labelled(teacher, source, [at, end], options)) {
        await kept.append(entryOf(batch));
        task.advance(batch.rows.length + batch.bad.length);
      }
    } finally {
      task.end();
    }
    const bad: BadPicture[] = [];
    for await (const entry of kept.entries()) bad.push(...entry.bad);
    await writeLabels(path, head, rowsIn(kept.entries()), bad);
  } finally {
    await kept.close();
  }
  await rm(log, { force: true });
  return openLabels(path);
}

const writeLabels = (
  path: string,
  head: LabelHead,
  rows: AsyncIterable<readonly PseudoLabel[]>,
  bad: readonly BadPicture[],
): Promise<void> => writeTable(path, TABLE, rows, { fixres: JSON.stringify(head), bad: JSON.stringify(bad) });

const entryOf = ({ rows, bad, end }: LabelledBatch): Entry => ({
  end,
  bad: [...bad],
  rows: rows.map(({ probabilities, ...rest }) => ({
    ...rest,
    p: Buffer.from(probabilities.buffer).toString("base64"),
  })),
});

async function* rowsIn(entries: AsyncIterable<Entry>): AsyncGenerator<PseudoLabel[]> {
  for await (const { rows } of entries)
    yield rows.map(({ p, ...rest }) => {
      // A copy of its own, since a small Buffer lies anywhere in a pool.
      const bytes = Uint8Array.from(Buffer.from(p, "base64"));
      return { ...rest, probabilities: new Float32Array(bytes.buffer) };
    });
}

/** Opens pseudo labels. @throws {DataError} where the file is missing, damaged or something else */
export async function openLabels(path: string): Promise<LabelFile> {
  const { rows: n, metadata } = await openTable(path, WHAT);
  if (metadata.fixres === undefined) throw notLabels(path);
  const head = checkedJson(metadata.fixres, LabelHead, `pseudo labels "${path}"`);
  const bad = checkedJson(metadata.bad ?? "[]", Bad, `pseudo labels "${path}"`);
  const [start, end] = head.range;
  if (n + bad.length !== end - start)
    throw new DataError(`"${path}" has ${n} rows of the ${end - start} pictures that it names; label them again.`);
  return { path, head, n, bad };
}

/** How pictures were shown to whoever made labels. */
export const preprocessingOf = ({ head: { settings } }: Pick<LabelFile, "head">): TestPreprocessing =>
  testPreprocessing(settings as unknown as Model["input"], {});

const notLabels = (path: string): DataError =>
  new DataError(`"${path}" holds no pseudo labels; give a file that \`fixres label\` wrote.`);

/** What a file says of each picture, without the probabilities, which may be many. */
export interface LabelColumns {
  /** Places in the source. */
  readonly index: Int32Array;
  readonly name: readonly string[];
  readonly content: readonly string[];
  /** The likeliest class, and its probability. */
  readonly label: Int32Array;
  readonly confidence: Float32Array;
}

/** Reads all but the probabilities. @throws {DataError} where the file is not what it says */
export async function readColumns({ path, n }: Pick<LabelFile, "path" | "n">): Promise<LabelColumns> {
  const [index, label, confidence] = [new Int32Array(n), new Int32Array(n), new Float32Array(n)];
  const [name, content] = [new Array<string>(n), new Array<string>(n)];
  let at = 0;
  const table = await openTable(path, WHAT);
  for await (const rows of table.read(COLUMNS))
    for (const row of rows) {
      const own = Row.safeParse(row);
      if (!own.success) throw notLabels(path);
      index[at] = own.data.index;
      label[at] = own.data.label;
      confidence[at] = own.data.confidence;
      name[at] = own.data.name;
      content[at++] = own.data.content;
    }
  return { index, name, content, label, confidence };
}

const Row = z.object({
  index: z.number(),
  name: z.string(),
  content: z.string(),
  label: z.number(),
  confidence: z.number(),
});

/** The probabilities of some rows, [wanted, classes]. @param wanted - rows in ascending order */
export async function readProbabilities(
  { path, head: { classes } }: Pick<LabelFile, "path" | "head">,
  wanted: ArrayLike<number>,
): Promise<Float32Array> {
  const found = new Float32Array(wanted.length * classes.length);
  const table = await openTable(path, WHAT);
  let [row, next] = [0, 0];
  for await (const rows of table.read(["probabilities"])) {
    for (const { probabilities } of rows) {
      if (row++ !== wanted[next]) continue;
      if (!Array.isArray(probabilities) || probabilities.length !== classes.length) throw notLabels(path);
      found.set(probabilities as number[], next++ * classes.length);
    }
  }
  return found;
}

/**
 * Joins files of ranges that follow one another, in any order, into one that is as if it had been made at once.
 * @throws {RequestError} where they do not belong together, or a range is missing
 */
export async function joinLabels(paths: readonly string[], out: string): Promise<LabelFile> {
  const files = await Promise.all(paths.map(openLabels));
  files.sort((a, b) => a.head.range[0] - b.head.range[0]);
  const [first] = files;
  if (first === undefined) throw new RequestError("there are no pseudo labels to join; give their files.");
  for (const [i, file] of files.slice(1).entries()) {
    const before = files[i]!;
    // Another machine may have another Node.js, and as many cores as it likes.
    const { versions, range, settings } = first.head;
    const own = { ...file.head, versions, range, settings: { ...file.head.settings, threads: settings.threads } };
    const differences = headDifferences(first.head, own);
    if (differences.length > 0)
      throw new RequestError(
        `"${first.path}" and "${file.path}" do not belong together: ${differences.join("; ")}. Give parts of one labelling.`,
      );
    if (before.head.range[1] !== file.head.range[0])
      throw new RequestError(
        `"${before.path}" ends before picture ${before.head.range[1]}, but the next, "${file.path}", begins with ${file.head.range[0]}; give parts that follow one another.`,
      );
  }
  const head: LabelHead = { ...first.head, range: [first.head.range[0], files.at(-1)!.head.range[1]] };
  async function* rows(): AsyncGenerator<PseudoLabel[]> {
    for (const { path } of files)
      for await (const part of (await openTable(path, WHAT)).read())
        yield part.map((row) => ({
          ...(row as unknown as PseudoLabel),
          probabilities: Float32Array.from(row.probabilities as number[]),
        }));
  }
  await writeLabels(
    out,
    head,
    rows(),
    files.flatMap(({ bad }) => bad),
  );
  return openLabels(out);
}
