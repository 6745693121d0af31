import { readFile } from "node:fs/promises";
import type { Sample, Source } from "../data/index.js";
import { DataError, RequestError } from "../errors.js";
import { openFile } from "../files.js";
import { IMAGENET_IDS } from "../models/index.js";
import { type Npy, openNpy } from "../weights/index.js";
import { type Details, detailedTally } from "./details.js";
import { scoreLogits, type Truth } from "./metrics.js";
import { notesOn, protocolOf } from "./protocol.js";
import { type RealLabels, underRealLabels, validationName } from "./real.js";

/** What the rows of a softmax file are scored by. */
export interface ScoreOptions {
  /** A .npy file of a class a row. */
  readonly labels?: string;
  /** Pictures whose order the rows have. */
  readonly source?: Source;
  /** Names of the pictures, a line a row. */
  readonly names?: string;
  readonly real?: RealLabels;
  /** Whether the file has logits rather than probabilities. */
  readonly logits?: boolean;
}

/** A scored file, and what the user should know of it. */
export interface ScoredFile extends Details {
  readonly leftOut: number;
  readonly notes: readonly string[];
}

/** Rows that are read at a time. */
const ROWS = 512;

/** The least logarithm of a probability: that of the smallest float32 above 0. */
const LEAST = Math.log(2 ** -149);

/**
 * Scores a .npy file of probabilities, [n, classes] of float32 or float64, whoever made it, without a network. Each row is divided by
 * its sum; a probability below 2^-149, the smallest float32, counts as that, so that no loss is above 103.3.
 * @throws {DataError} where it does not go with its labels, or a row holds no probabilities
 * @throws {RequestError} where nothing says what is right
 */
export async function scoreFile(path: string, options: ScoreOptions): Promise<ScoredFile> {
  const file = await openNpy(path, "softmax");
  try {
    const { descr, shape } = file;
    if (shape.length !== 2 || !["<f4", "<f8"].includes(descr)) {
      throw new DataError(
        `softmax "${path}" is [${shape.join(", ")}] of ${descr}; [pictures, classes] of <f4 or <f8 is needed.`,
      );
    }
    const [n, classes] = shape as [number, number];
    if (n === 0 || classes < 2)
      throw new DataError(`softmax "${path}" is [${shape.join(", ")}]; there is nothing to score.`);
    const { source, truth, keep, notes } = await rowsWithTruth(path, n, classes, options);
    const sums = detailedTally(source);
    for (let from = 0; from < n; from += ROWS) {
      const to = Math.min(n, from + ROWS);
      const kept = Array.from({ length: to - from }, (_, i) => keep[from + i]!);
      const values = (await file.rows(from, to)) as Float32Array | Float64Array;
      const logits = options.logits ? values : logarithms(values, classes, from, path);
      const present = kept.flatMap((index, i) => (index < 0 ? [] : [i]));
      const rows = new Float64Array(present.length * classes);
      for (const [k, i] of present.entries()) rows.set(logits.subarray(i * classes, (i + 1) * classes), k * classes);
      const samples = present.map((i) => kept[i]!);
      const answers = samples.map((index) => truth[index]!);
      sums.add({ scores: scoreLogits(rows, answers, samples.length, classes), samples });
    }
    const found = sums.result();
    const protocol = protocolOf({ ...source, name: path, notes: [] }, options.real === undefined ? "folders" : "real");
    notes.push(...notesOn(found, protocol));
    return { ...found, leftOut: keep.filter((index) => index < 0).length, notes };
  } finally {
    await file.close();
  }
}

/** The logarithms of probabilities, a row a picture. */
function logarithms(values: Float32Array | Float64Array, classes: number, first: number, path: string): Float64Array {
  const logits = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += classes) {
    let sum = 0;
    for (let j = start; j < start + classes; j++) {
      const p = values[j]!;
      if (!(p >= 0 && p <= 1.001)) throw noProbabilities(path, first + start / classes, `${p} of class ${j - start}`);
      sum += p;
      logits[j] = Math.max(LEAST, Math.log(p));
    }
    if (Math.abs(sum - 1) > 1e-2)
      throw noProbabilities(path, first + start / classes, `a sum of ${sum.toPrecision(4)}`);
  }
  return logits;
}

const noProbabilities = (path: string, row: number, what: string): DataError =>
  new DataError(
    `softmax "${path}", row ${row} has ${what}; probabilities lie in [0, 1] and add up to 1. Say --logits if it has logits.`,
  );

interface Rows {
  /** The pictures that are scored. */
  readonly source: Pick<Source, "classes" | "samples">;
  readonly truth: readonly Truth[];
  /** Of each row the index of its picture among those; -1 where it is left out. */
  readonly keep: Int32Array;
  readonly notes: string[];
}

async function rowsWithTruth(path: string, n: number, classes: number, options: ScoreOptions): Promise<Rows> {
  const { real } = options;
  const notes: string[] = [];
  const labels = options.labels === undefined ? null : await readLabels(options.labels, n);
  const names = await namesOf(path, n, options, notes);
  if (labels === null && options.source === undefined && real === undefined)
    throw new RequestError("nothing says what is right; give --labels, --data or --real.");
  const samples = names.map((name, i): Sample => {
    const { path: own = name, label = -1 } = options.source?.samples[i] ?? {};
    return { path: own, name, label: labels?.[i] ?? label };
  });
  const classNames = options.source?.classes ?? namesOfClasses(classes);
  if (classNames.length !== classes) {
    throw new DataError(
      `softmax "${path}" has ${classes} classes, but the pictures are of ${classNames.length}; they must be the same.`,
    );
  }
  const source: Source = { name: path, classes: classNames, samples, notes: [] };
  if (real === undefined) {
    const wrong = samples.findIndex(({ label }) => !(label >= 0 && label < classes));
    if (wrong >= 0) {
      throw new DataError(
        `picture ${wrong} has label ${samples[wrong]!.label}, but there are ${classes} classes (0 to ${classes - 1}).`,
      );
    }
    return { source, truth: samples.map(({ label }) => label), keep: Int32Array.from(samples.keys()), notes };
  }
  const under = underRealLabels(source, real);
  const places = new Map(Array.from(under.source.samples, (sample, i) => [sample, i]));
  const keep = Int32Array.from(samples, (sample) => places.get(sample) ?? -1);
  return { source: under.source, truth: under.truth, keep, notes };
}

/** Ids of ImageNet's where there are 1000, else numbers. */
const namesOfClasses = (classes: number): readonly string[] =>
  classes === IMAGENET_IDS.length ? IMAGENET_IDS : Array.from({ length: classes }, (_, i) => String(i));

/** A whole number a row. */
async function readLabels(path: string, n: number): Promise<number[]> {
  const file = await openNpy(path, "labels");
  try {
    if (file.shape[0] !== n || file.shape.slice(1).some((size) => size !== 1))
      throw new DataError(
        `labels "${path}" are [${file.shape.join(", ")}], but the softmax has ${n} rows; one a row is needed.`,
      );
    return await wholeNumbers(file, path);
  } finally {
    await file.close();
  }
}

async function wholeNumbers(file: Npy, path: string): Promise<number[]> {
  const values = Array.from(await file.rows(0, file.shape[0]!), Number);
  const wrong = values.findIndex((value) => !Number.isSafeInteger(value));
  if (wrong >= 0)
    throw new DataError(`labels "${path}" have ${values[wrong]} in row ${wrong}; classes are whole numbers.`);
  return values;
}

/** What the pictures of the rows are called. */
async function namesOf(path: string, n: number, options: ScoreOptions, notes: string[]): Promise<string[]> {
  const { source, names, real } = options;
  const agree = (found: readonly string[], where: string): string[] => {
    if (found.length === n) return [...found];
    throw new DataError(
      `softmax "${path}" has ${n} rows, but ${where} has ${found.length} pictures; they must be the same ones.`,
    );
  };
  if (source !== undefined) {
    const own = Array.from(source.samples, ({ name }) => name);
    return agree(own, `"${source.name}"`);
  }
  if (names !== undefined) {
    await (await openFile(names, "names")).close();
    const lines = (await readFile(names, "utf8")).split(/\r?\n/);
    return agree(lines.at(-1) === "" ? lines.slice(0, -1) : lines, `"${names}"`);
  }
  if (real === undefined) return Array.from({ length: n }, (_, i) => `row ${i}`);
  notes.push(
    "no names are given: rows are taken for ILSVRC2012_val_00000001 and those after it; say --names or --data if they are in another order, such as by folder",
  );
  return agree(
    real.map((_, i) => validationName(i + 1)),
    "the file of ReaL labels",
  );
}
