import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { DataError } from "../errors.js";

/** One labelled picture of a source. */
export interface Sample {
  readonly path: string;
  /** Path within the source, which names the picture in messages and keys. */
  readonly name: string;
  /** Index into the source's classes. */
  readonly label: number;
}

/** Labelled pictures in a fixed order. */
export interface Source {
  readonly name: string;
  readonly classes: readonly string[];
  readonly samples: readonly Sample[];
  /** What the user should know about it, such as files that were left out. */
  readonly notes: readonly string[];
}

/** The two parts of a data set. */
export interface Splits {
  readonly train: Source;
  readonly val: Source;
}

const PICTURE = /\.(jpe?g|png|webp)$/i;
/** By code points, as Python sorts; a locale would order differently from machine to machine. */
const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * A folder a class, as torchvision's ImageFolder reads it: classes are the folders' names in order, pictures are searched
 * at any depth.
 * @throws {DataError} where there is no folder, no class, or a class without pictures
 */
export async function openFolder(directory: string): Promise<Source> {
  const entries = await listDirectory(directory);
  const classes = entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  if (classes.length === 0)
    throw new DataError(
      `"${directory}" holds no class folders; put the pictures of each class into a folder of its name.`,
    );
  const samples: Sample[] = [];
  let others = 0;
  for (const [label, name] of classes.entries()) {
    const files = await filesIn(join(directory, name), name);
    const pictures = files.filter((file) => PICTURE.test(file));
    others += files.length - pictures.length;
    if (pictures.length === 0) {
      throw new DataError(
        `class folder "${join(directory, name)}" holds no pictures (JPEG, PNG or WebP); add some or remove it.`,
      );
    }
    for (const file of pictures) samples.push({ path: join(directory, file), name: file, label });
  }
  return { name: directory, classes, samples, notes: notesOn(directory, classes, others) };
}

function notesOn(directory: string, classes: readonly string[], others: number): string[] {
  const notes: string[] = [];
  if (others > 0) notes.push(`"${directory}": ${others} files that are no JPEG, PNG or WebP are left out`);
  const numeric = classes.every((name) => /^\d+$/.test(name));
  if (numeric && classes.some((name, i) => i > 0 && Number(name) < Number(classes[i - 1])))
    notes.push(`"${directory}": class folders are numbers and sorted as text (10 before 2), as torchvision does`);
  return notes;
}

interface Listed {
  readonly name: string;
  readonly isDirectory: boolean;
}

/** What a directory holds in order, without hidden entries, links followed. */
async function listDirectory(directory: string): Promise<Listed[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    const what =
      error.code === "ENOTDIR" ? "is not a directory" : error.code === "ENOENT" ? "does not exist" : "cannot be read";
    throw new DataError(`data directory "${directory}" ${what}.`);
  });
  const listed = await Promise.all(
    entries
      .filter(({ name }) => !name.startsWith("."))
      .map(async (entry) => ({
        name: entry.name,
        isDirectory: entry.isSymbolicLink()
          ? ((await stat(join(directory, entry.name)).catch(() => null))?.isDirectory() ?? false)
          : entry.isDirectory(),
      })),
  );
  return listed.sort((a, b) => byCodePoint(a.name, b.name));
}

/** Files at any depth, as paths below `prefix`, in order. */
async function filesIn(directory: string, prefix: string): Promise<string[]> {
  const files: string[] = [];
  for (const { name, isDirectory } of await listDirectory(directory)) {
    const path = `${prefix}/${name}`;
    if (isDirectory) files.push(...(await filesIn(join(directory, name), path)));
    else files.push(path);
  }
  return files;
}

export interface SplitOptions {
  /** Class names of the model that will see the data, which the folder's must equal, or their number alone. */
  readonly classes?: readonly string[] | number;
}

/**
 * A data set of `train/` and `val/`, each a folder a class.
 * @throws {DataError} where one is missing or malformed, or their classes are not the same
 */
export async function openSplits(directory: string, options: SplitOptions = {}): Promise<Splits> {
  const train = await openSplit(directory, "train", options);
  const val = await openSplit(directory, "val");
  const missing = train.classes.filter((name) => !val.classes.includes(name));
  const added = val.classes.filter((name) => !train.classes.includes(name));
  if (missing.length > 0)
    throw new DataError(
      `"${val.name}" lacks ${named(missing)}, which "${basename(train.name)}/" has; both need the same classes.`,
    );
  if (added.length > 0)
    throw new DataError(
      `"${val.name}" has ${named(added)}, which "${basename(train.name)}/" lacks; both need the same classes.`,
    );
  return { train, val };
}

/** One of the two parts, for what needs no other. */
export async function openSplit(
  directory: string,
  split: "train" | "val",
  { classes }: SplitOptions = {},
): Promise<Source> {
  const found = await listDirectory(directory);
  if (!found.some(({ name, isDirectory }) => isDirectory && name === split)) {
    throw new DataError(
      `"${directory}" has no folder ${split}/; give a directory with train/ and val/, each with a folder a class.`,
    );
  }
  const source = await openFolder(join(directory, split));
  if (classes !== undefined) checkClasses(source, classes);
  return source;
}

/** Fails where a source's classes are not the model's. @throws {DataError} with both numbers, or the first that differs */
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

const named = (classes: readonly string[]): string =>
  classes.length === 1
    ? `the class "${classes[0]}"`
    : `${classes.length} classes (${classes.slice(0, 3).join(", ")}${classes.length > 3 ? ", ..." : ""})`;
