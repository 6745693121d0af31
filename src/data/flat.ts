import { basename } from "node:path";
import { DataError } from "../errors.js";
import type { LabelList } from "./labels.js";
import { byCodePoint, type Source, shown } from "./source.js";
import { ClassTable, Numbers } from "./table.js";

/** The number in the names of ImageNet's validation pictures, from 1 on: its place among the ground truth's lines. */
const VALIDATION_NUMBER = /(?:^|\/)ILSVRC20\d\d_val_(\d{8})\.[^./]*$/;

export interface FlatOptions {
  /** Where the pictures are, for messages. */
  readonly name: string;
  /** Names of all pictures, in any order. */
  readonly pictures: readonly string[];
  readonly labels: LabelList;
  /** Where the labels are, for messages. */
  readonly labelFile: string;
  /** Where a picture is, by its name. */
  readonly pathOf: (name: string) => string;
  /** Reads a picture by its place in `pictures`, where it is no file. */
  readonly read?: NonNullable<Source["read"]>;
  /** Where its bytes are, by the same. */
  readonly place?: NonNullable<Source["place"]>;
}

/**
 * Pictures of which a list tells the labels, by name (with or without extension and folder) or by order.
 * @throws {DataError} where the two do not belong together: the first name or both numbers
 */
export function flatSource({ name, pictures, labels, labelFile, pathOf, read, place }: FlatOptions): Source {
  const order = Array.from(pictures.keys()).sort((a, b) => byCodePoint(pictures[a]!, pictures[b]!));
  const labelOf =
    labels.kind === "named"
      ? byName(labels.labels, pictures, labelFile)
      : byOrder(labels.labels, pictures, name, labelFile);
  const table = new ClassTable();
  const places = new Numbers();
  let numbers = true;
  let without = 0;
  for (const [rank, place] of order.entries()) {
    const label = labelOf(pictures[place]!, rank);
    if (label === undefined) without++;
    else {
      numbers &&= /^\d{1,7}$/.test(label);
      table.add(pictures[place]!, label);
      places.push(place);
    }
  }
  if (table.length === 0) {
    const example =
      labels.kind === "named"
        ? ` ("${shown([...labels.labels.keys()][0]!)}" against "${shown(pictures[0] ?? "")}")`
        : "";
    throw new DataError(
      `"${labelFile}" names none of the ${pictures.length} pictures of "${name}"${example}; give the labels that belong to them.`,
    );
  }
  if (labels.kind === "named" && table.length < labels.labels.size) {
    const known = new Set(pictures.flatMap((picture) => keysOf(picture)));
    const lost = [...labels.labels.keys()].filter((key) => !keysOf(key).some((form) => known.has(form)));
    if (lost.length > 0)
      throw new DataError(
        `"${labelFile}" names ${lost.length} pictures that "${name}" lacks, such as "${shown(lost[0]!)}"; fetch them, or take them out of the list.`,
      );
  }
  const { classes, samples } = table.finish(pathOf, { numbers });
  const notes = [
    `"${name}": ${samples.length} pictures, their labels from "${labelFile}"${numbers ? ", which are numbers" : ""}`,
  ];
  if (without > 0) notes.push(`"${name}": ${without} pictures are not in "${labelFile}", and left out`);
  return {
    ...{ name, classes, samples, notes },
    ...(place && { place: (index) => place(places.at(index)) }),
    ...(read && { read: (index) => read(places.at(index)) }),
  };
}

/** A name as lists may give it: as it is, without its folders, and without its extension. */
function keysOf(picture: string): string[] {
  const base = basename(picture);
  return [picture, base, base.replace(/\.[^.]*$/, "")];
}

function byName(
  labels: ReadonlyMap<string, string>,
  pictures: readonly string[],
  labelFile: string,
): (picture: string) => string | undefined {
  // Lists may have folders that the pictures have not; their names must do without them, then.
  const exact = pictures.some((picture) => keysOf(picture).some((key) => labels.has(key)));
  const entries = new Map<string, string>();
  const add = (key: string, entry: string): void => {
    const other = entries.get(key);
    if (other !== undefined && labels.get(other) !== labels.get(entry))
      throw new DataError(
        `"${labelFile}" names "${shown(other)}" and "${shown(entry)}", which the pictures' names do not tell apart; give names with the same folders.`,
      );
    entries.set(key, entry);
  };
  for (const entry of labels.keys())
    for (const key of exact ? [entry] : new Set(keysOf(entry).slice(1))) add(key, entry);
  const takenBy = new Map<string, string>();
  return (picture) => {
    const entry = keysOf(picture)
      .map((key) => entries.get(key))
      .find((found) => found !== undefined);
    if (entry === undefined) return undefined;
    const other = takenBy.get(entry);
    if (other !== undefined)
      throw new DataError(
        `"${labelFile}": "${shown(entry)}" may be "${shown(other)}" or "${shown(picture)}"; give names with their folders and extensions.`,
      );
    takenBy.set(entry, picture);
    return labels.get(entry);
  };
}

function byOrder(
  labels: readonly string[],
  pictures: readonly string[],
  name: string,
  labelFile: string,
): (picture: string, rank: number) => string | undefined {
  if (pictures.every((picture) => VALIDATION_NUMBER.test(picture))) {
    return (picture) => labels[Number(VALIDATION_NUMBER.exec(picture)![1]) - 1];
  }
  if (labels.length !== pictures.length) {
    throw new DataError(
      `"${labelFile}" has ${labels.length} labels without names for the ${pictures.length} pictures of "${name}"; give as many, in the order of the names, or lines of name and label.`,
    );
  }
  return (_, rank) => labels[rank];
}
