import { createHash } from "node:crypto";
import { partOf, type Sample, type Source } from "../../data/index.js";
import { DataError } from "../../errors.js";
import type { TrainOptions } from "../options.js";
import { type Choice, choose } from "./choose.js";
import { contentsOfSource } from "./label.js";
import { type LabelColumns, type LabelFile, preprocessingOf, readColumns, readProbabilities } from "./label-file.js";

/** Pictures that a teacher labelled, chosen and balanced. */
export interface Taught {
  /** The chosen pictures, each once; their labels are the teacher's likeliest classes. */
  readonly source: Source;
  /** Of the teacher, [pictures, classes]; null where likeliest classes alone count. */
  readonly probabilities: Float32Array | null;
  /** What a pass takes, by index into the source, pictures of small classes several times. */
  readonly places: Int32Array;
  /** A hash of all that a run depends on: which pictures, in which order, with what labels. */
  readonly fingerprint: string;
  /** Of the teacher's model. */
  readonly teacher: string;
}

/**
 * The pictures of a source that a student learns from, by a file of labels.
 * @param classes - of the student, which the teacher must have too
 * @param forbidden - contents of the validation under the file's preprocessing
 * @throws {DataError} where the labels are of other pictures (by all names, and the content of some) or classes, all are of the
 *   validation, or no picture is above the threshold
 */
export async function taughtBy(
  file: LabelFile,
  unlabelled: Source,
  classes: readonly string[],
  options: Pick<TrainOptions, "threshold" | "balance" | "perClass" | "pseudoLabels" | "seed">,
  forbidden: ReadonlySet<string>,
): Promise<{ taught: Taught; choice: Choice; leaked: readonly string[] }> {
  const { path, head } = file;
  const columns = await readColumns(file);
  const other = columns.name.findIndex((name, row) => unlabelled.samples[columns.index[row]!]?.name !== name);
  if (other >= 0 || head.data.pictures !== unlabelled.samples.length) {
    const example = other < 0 ? "" : `, such as "${columns.name[other]}"`;
    throw new DataError(
      `"${path}" has labels of other pictures${example}: ${head.data.pictures} of "${head.data.name}", but "${unlabelled.name}" has ${unlabelled.samples.length}; label these.`,
    );
  }
  await checkContents(file, columns, unlabelled);
  const unlike = classes.findIndex((name, c) => !sameClass(head.classes[c], name, c));
  if (head.classes.length !== classes.length || unlike >= 0) {
    const at = unlike < 0 ? "" : `; class ${unlike} is "${head.classes[unlike]}" there and "${classes[unlike]}" here`;
    throw new DataError(
      `the labels of "${path}" are of ${head.classes.length} classes, the data's ${classes.length}${at}. The teacher must have the data's classes, in their order.`,
    );
  }
  const choice = choose(columns, classes.length, { ...options, forbidden });
  if (choice.leaked.length === file.n && file.n > 0)
    throw new DataError(
      `all ${file.n} pictures of "${unlabelled.name}" are of the validation too, and a student must not learn from those; give others.`,
    );
  if (choice.rows.length === 0)
    throw new DataError(
      `none of the ${file.n} pictures of "${unlabelled.name}" is labelled with a probability above ${options.threshold}; give a lower threshold, or a better teacher.`,
    );
  const chosen = partOf(
    unlabelled,
    choice.rows.map((row) => columns.index[row]!),
  );
  const at = (place: number): Sample => ({ ...chosen.samples[place]!, label: columns.label[choice.rows[place]!]! });
  const source: Source = { ...chosen, classes, samples: Array.from({ length: choice.rows.length }, (_, i) => at(i)) };
  const probabilities = options.pseudoLabels === "soft" ? await readProbabilities(file, choice.rows) : null;
  const taught = { source, probabilities, places: choice.places, teacher: head.model.fingerprint };
  const leaked = Array.from(choice.leaked, (row) => columns.name[row]!);
  return { taught: { ...taught, fingerprint: fingerprintOf(taught) }, choice, leaked };
}

/** Pictures that are looked at again. */
const PROBES = 16;

/** Checks by some pictures, evenly spread, that those under the names are the ones that were labelled. */
async function checkContents(file: LabelFile, { index, name, content }: LabelColumns, unlabelled: Source) {
  const count = Math.min(PROBES, name.length);
  const rows = Array.from({ length: count }, (_, i) => Math.floor((i * name.length) / count));
  const probed = partOf(
    unlabelled,
    rows.map((row) => index[row]!),
  );
  const found = await contentsOfSource(probed, { preprocessing: preprocessingOf(file) });
  const other = rows.find((row) => !found.has(content[row]!));
  if (other !== undefined)
    throw new DataError(
      `"${name[other]}" is no longer the picture that "${file.path}" has a label of, or cannot be read; label the pictures again.`,
    );
}

/** A network that was only initialised, or came from elsewhere, may know its classes by number alone. */
const sameClass = (own: string | undefined, name: string, index: number): boolean =>
  own === name || own === String(index);

function fingerprintOf({ source, probabilities, places }: Omit<Taught, "fingerprint">): string {
  const hash = createHash("sha256");
  for (const { name, label } of source.samples) hash.update(`${label} ${name}\n`);
  hash.update(new Uint8Array(places.buffer, places.byteOffset, places.byteLength));
  if (probabilities !== null) hash.update(new Uint8Array(probabilities.buffer));
  return hash.digest("hex").slice(0, 16);
}
