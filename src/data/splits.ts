import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../errors.js";
import { type ClassOptions, withClasses } from "./classes.js";
import { listDirectory, PICTURE } from "./folder.js";
import { openFiles, openSource, type SourceOptions } from "./open.js";
import type { Source } from "./source.js";

/** The two parts of a data set, with the same classes. */
export interface Splits {
  readonly train: Source;
  readonly val: Source;
}

export interface SplitOptions extends ClassOptions, SourceOptions {}

/** What parts of data sets are called, best name first: as folders, and at the beginning of the names of files. */
const NAMES = { train: ["train", "training"], val: ["val", "validation", "valid", "test", "t10k"] } as const;

/**
 * A data set of two parts, `train/` and `val/`, each any source, or files that are called so.
 * @throws {DataError} where one is missing or malformed, or their classes are not the same
 */
export async function openSplits(directory: string, options: SplitOptions = {}): Promise<Splits> {
  const train = await openSplit(directory, "train", options);
  const own = await sourceOf(directory, "val", options);
  const val = options.classes === undefined ? own : await withClasses(own, { ...options, subset: false });
  const [inTrain, inVal] = [new Set(train.classes), new Set(val.classes)];
  const missing = train.classes.filter((name) => !inVal.has(name));
  const added = val.classes.filter((name) => !inTrain.has(name));
  if (missing.length > 0) {
    throw new DataError(`"${val.name}" lacks ${named(missing)}, which train/ has; both need the same classes.`);
  }
  if (added.length > 0) {
    throw new DataError(`"${val.name}" has ${named(added)}, which train/ lacks; both need the same classes.`);
  }
  return { train, val: await withClasses(val, { classes: train.classes }) };
}

const named = (classes: readonly string[]): string =>
  classes.length === 1
    ? `the class "${classes[0]}"`
    : `${classes.length} classes (${classes.slice(0, 3).join(", ")}${classes.length > 3 ? ", ..." : ""})`;

/**
 * One of the two parts, for what needs no other. Where there are no parts, all of it is the test's.
 * @throws {DataError} where it is missing or malformed, or its classes are not the model's
 */
export async function openSplit(
  directory: string,
  split: "train" | "val",
  options: SplitOptions = {},
): Promise<Source> {
  return withClasses(await sourceOf(directory, split, options), options);
}

/** With a word where a part has the name of another. */
const calledSo = (source: Source, name: string, split: "train" | "val"): Source =>
  (NAMES[split] as readonly string[]).indexOf(name) < 3
    ? source
    : { ...source, notes: [...source.notes, `"${source.name}": ${name} is taken for ${split}`] };

async function sourceOf(path: string, split: "train" | "val", options: SourceOptions): Promise<Source> {
  const open = await openerOf(path, split);
  if (open !== null) return open(options);
  throw new DataError(
    `"${path}" has no folder ${split}/; give a directory with train/ and val/, each with a folder a class.`,
  );
}

/**
 * The parts that a data set has: for training and for testing, or the latter alone.
 * @throws {DataError} where it has none, or one is malformed
 */
export async function openParts(
  path: string,
  options: SourceOptions = {},
): Promise<{ part: string; source: Source }[]> {
  const train = await openerOf(path, "train");
  const val = await openerOf(path, "val");
  const found = [
    { part: "train", open: train },
    { part: "val", open: val ?? (train === null ? (given: SourceOptions) => sourceOf(path, "val", given) : null) },
  ];
  const opened: { part: string; source: Source }[] = [];
  for (const { part, open } of found) if (open !== null) opened.push({ part, source: await open(options) });
  return opened;
}

/** What opens a part, or null where the data set has none of that name. */
async function openerOf(
  path: string,
  split: "train" | "val",
): Promise<((options: SourceOptions) => Promise<Source>) | null> {
  const found = await stat(path).catch(() => null);
  const whole = (options: SourceOptions): Promise<Source> => openSource(path, options);
  if (found === null ? /[*?{]/.test(path) : !found.isDirectory()) return split === "val" ? whole : null;
  const entries = await listDirectory(path);
  const folder = NAMES[split].find((name) => entries.some((entry) => entry.isDirectory && entry.name === name));
  if (folder !== undefined)
    return async (options) => calledSo(await openSource(join(path, folder), options), folder, split);
  const files = await filesOfPart(path, split);
  if (files.length > 0) return (options) => openFiles(join(path, split), files, options);
  if (split === "train" || entries.length === 0) return null;
  // What has a part for training has one for testing, or lacks it.
  const parts =
    NAMES.train.some((name) => entries.some((entry) => entry.name === name)) ||
    (await filesOfPart(path, "train")).length > 0;
  return parts ? null : whole;
}

/** Files of a part by their names, such as `validation-00000-of-00014.parquet`, in the directory or its `data/`; of one kind. */
async function filesOfPart(directory: string, split: "train" | "val"): Promise<string[]> {
  const here = (await listDirectory(directory)).map(({ name, isDirectory }) => ({
    path: join(directory, name),
    name,
    isDirectory,
  }));
  const below = here.some(({ name, isDirectory }) => isDirectory && name === "data")
    ? (await listDirectory(join(directory, "data"))).map(({ name, isDirectory }) => ({
        path: join(directory, "data", name),
        name,
        isDirectory,
      }))
    : [];
  const files = [...here, ...below].filter(({ isDirectory }) => !isDirectory);
  // Beside pictures, a list has their labels.
  const flat = here.some(({ name }) => PICTURE.test(name));
  for (const part of NAMES[split]) {
    for (const kind of ["parquet", "tar", "idx", ...(flat ? [] : ["list" as const])] as const) {
      const form = new RegExp(`^${part}${FORMS[kind]}$`, "i");
      const found = files.filter(({ name }) => form.test(name)).map(({ path }) => path);
      if (found.length > 0) return found;
    }
  }
  return [];
}

const FORMS = {
  parquet: "([-_.].*)?\\.parquet",
  tar: "([-_.].*)?\\.tar",
  idx: "[-_.]images[-.]idx3(-ubyte)?(\\.gz)?",
  list: "\\.(csv|tsv|txt)",
} as const;

/**
 * Checks that a source's classes are the model's, whose outputs have that order.
 * @throws {DataError} with both numbers, or the first name that differs
 */
export function checkClasses(source: Source, classes: readonly string[] | number): void {
  const count = typeof classes === "number" ? classes : classes.length;
  if (source.classes.length !== count) {
    throw new DataError(
      `"${source.name}" has ${source.classes.length} classes, but the model has ${count}; they must be the same.`,
    );
  }
  if (typeof classes === "number") return;
  const i = classes.findIndex((name, index) => name !== source.classes[index]);
  if (i >= 0) {
    throw new DataError(
      `"${source.name}": class ${i} is "${source.classes[i]}", but the model's is "${classes[i]}"; names and order must be the same.`,
    );
  }
}
