import { join } from "node:path";
import { DataError } from "../errors.js";
import { listDirectory, openFolder } from "./folder.js";
import type { Source } from "./source.js";

/** The two parts of a data set, with the same classes. */
export interface Splits {
  readonly train: Source;
  readonly val: Source;
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
  if (missing.length > 0) {
    throw new DataError(`"${val.name}" lacks ${named(missing)}, which train/ has; both need the same classes.`);
  }
  if (added.length > 0) {
    throw new DataError(`"${val.name}" has ${named(added)}, which train/ lacks; both need the same classes.`);
  }
  return { train, val };
}

const named = (classes: readonly string[]): string =>
  classes.length === 1
    ? `the class "${classes[0]}"`
    : `${classes.length} classes (${classes.slice(0, 3).join(", ")}${classes.length > 3 ? ", ..." : ""})`;

/**
 * One of the two parts, for what needs no other.
 * @throws {DataError} where it is missing or malformed, or its classes are not the model's
 */
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
