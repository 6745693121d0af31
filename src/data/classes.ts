import { readFile } from "node:fs/promises";
import { DataError } from "../errors.js";
import { openFile } from "../files.js";
import { type Sample, type Source, shown } from "./source.js";
import { areNumbers, lazily, partOf } from "./table.js";

export interface ClassOptions {
  /** Class names of the model that will see the data, or their number alone; the data's own unless given. */
  readonly classes?: readonly string[] | number;
  /** Whether data of some of the model's classes will do, as for a test; all are needed unless given. */
  readonly subset?: boolean;
  /** A file of the data's class names in the order of the model's outputs, a line each (timm's class_map.txt). */
  readonly classMap?: string;
  /** What is added to a label number to give the model's output; 0 unless given. */
  readonly labelOffset?: number;
  /** A file of the classes that count, by name or number, a line each: others are left out, and their logits do not compete. */
  readonly validLabels?: string;
}

/** Networks with a class for the background before the data's. */
const BACKGROUND = 1;

/**
 * The source with the labels that the model's outputs have. Classes are matched by name, whatever their order; numbers are positions.
 * What is not plain is said in the notes.
 * @throws {DataError} where a class is not the model's, or the numbers do not agree
 */
export async function withClasses(source: Source, options: ClassOptions): Promise<Source> {
  const { classMap, validLabels } = options;
  const order = classMap === undefined ? null : await linesOf(classMap, "class map");
  const matched = matchedTo(source, order, options);
  return validLabels === undefined
    ? matched
    : restricted(matched, await linesOf(validLabels, "file of valid labels"), validLabels);
}

function matchedTo(source: Source, order: readonly string[] | null, options: ClassOptions): Source {
  const { classes: wanted, classMap = "", labelOffset = 0, subset = false } = options;
  const count = typeof wanted === "number" ? wanted : (wanted?.length ?? order?.length ?? source.classes.length);
  if (order !== null && order.length !== count) {
    throw new DataError(
      `class map "${classMap}" has ${order.length} names, but the model has ${count} classes; they must be the same.`,
    );
  }
  const names = Array.isArray(wanted) ? (wanted as readonly string[]) : null;
  const { to, how } =
    order !== null && !areNumbers(source.classes)
      ? byName(source, order, `class map "${classMap}"`)
      : (names !== null && sharesNames(source, names)) || (names !== null && !areNumbers(source.classes))
        ? byName(source, names, "the model")
        : byPosition(source, count, { labelOffset, named: wanted !== undefined });
  const missing = count - new Set(to).size;
  if (missing > 0 && !subset && wanted !== undefined) throw tooFew(source, count);
  const classes = names ?? order ?? namesOf(source, to, count);
  const same = to.length === count && to.every((place, i) => place === i);
  const notes = [...source.notes];
  if (missing > 0) notes.push(`"${source.name}" has ${to.length} of the model's ${count} classes, matched ${how}`);
  else if (!same) notes.push(`"${source.name}": classes are matched ${how}, since their order is another`);
  else if (how !== "by name" && names !== null && names.some((name, i) => name !== source.classes[i]))
    notes.push(`"${source.name}": classes are numbers, taken as positions of the model's`);
  if (same) return { ...source, classes, notes };
  const { samples } = source;
  const at = (index: number): Sample => ({ ...samples[index]!, label: to[samples[index]!.label]! });
  return { ...source, classes, notes, samples: lazily(samples.length, at) };
}

/** Where each class of the source is among the model's. */
interface Matching {
  readonly to: Int32Array;
  readonly how: string;
}

const sharesNames = ({ classes }: Source, names: readonly string[]): boolean => {
  const known = new Set(names);
  return classes.every((name) => known.has(name));
};

function byName(source: Source, names: readonly string[], whose: string): Matching {
  const places = new Map(names.map((name, i) => [name, i]));
  const unknown = source.classes.filter((name) => !places.has(name));
  if (unknown.length > 0) {
    const example = `"${shown(unknown[0]!)}" is not; its first are ${names.slice(0, 3).map(shown).join(", ")}`;
    throw new DataError(
      `"${source.name}": ${unknown.length} of ${source.classes.length} classes are not among the ${names.length} of ${whose}: ${example}. Give --class-map where the names are others.`,
    );
  }
  return { to: Int32Array.from(source.classes, (name) => places.get(name)!), how: "by name" };
}

function byPosition(
  source: Source,
  count: number,
  { labelOffset, named }: { readonly labelOffset: number; readonly named: boolean },
): Matching {
  const own = source.classes;
  const numbers = areNumbers(own);
  // As many as the model has: their order says it all, from whichever number they count.
  const ranks = !numbers || own.length === count;
  const background = labelOffset === 0 && named && own.length === 1000 && count === 1001;
  const offset = background ? BACKGROUND : labelOffset;
  if (!numbers && own.length !== count && !background && offset === 0) throw tooFew(source, count);
  const to = Int32Array.from(own, (name, i) => (ranks ? i : Number(name)) + offset);
  const outside = to.findIndex((place) => place < 0 || place >= count);
  if (outside >= 0) {
    throw new DataError(
      `"${source.name}": class ${own[outside]} is output ${to[outside]} of the model, which has ${count} (0 to ${count - 1}); give --label-offset where labels count from another number.`,
    );
  }
  const how = background
    ? "by position, behind the background's"
    : `by position${offset === 0 ? "" : `, ${offset} added`}`;
  return { to, how };
}

const tooFew = (source: Source, count: number): DataError =>
  new DataError(
    `"${source.name}" has ${source.classes.length} classes, but the model has ${count}; they must be the same.`,
  );

/** The data's names at the model's positions, numbers elsewhere. */
function namesOf(source: Source, to: Int32Array, count: number): string[] {
  const names = Array.from({ length: count }, (_, i) => String(i));
  for (const [i, place] of to.entries()) names[place] = source.classes[i]!;
  return names;
}

function restricted(source: Source, lines: readonly string[], file: string): Source {
  const places = new Map(source.classes.map((name, i) => [name, i]));
  const competing = [...new Set(lines)].map((line) => {
    const place =
      places.get(line) ?? (/^\d{1,9}$/.test(line) && Number(line) < source.classes.length ? Number(line) : undefined);
    if (place === undefined)
      throw new DataError(
        `"${file}": "${shown(line)}" is neither a class of the model nor a number below ${source.classes.length}.`,
      );
    return place;
  });
  competing.sort((a, b) => a - b);
  const counts = new Uint8Array(source.classes.length);
  for (const place of competing) counts[place] = 1;
  const { samples } = source;
  let kept = 0;
  for (const { label } of samples) kept += counts[label]!;
  if (kept === 0)
    throw new DataError(`"${source.name}" has no picture of the ${competing.length} classes of "${file}".`);
  const indices = new Uint32Array(kept);
  for (let i = 0, to = 0; i < samples.length; i++) if (counts[samples[i]!.label] === 1) indices[to++] = i;
  const left = samples.length - kept;
  const notes = [
    ...source.notes,
    `"${source.name}": ${competing.length} of ${source.classes.length} classes compete, those of "${file}"${left > 0 ? `; ${left} pictures of others are left out` : ""}`,
  ];
  return { ...partOf(source, indices), notes, competing };
}

async function linesOf(path: string, what: string): Promise<string[]> {
  await (await openFile(path, what)).close();
  const lines = (await readFile(path, "utf8"))
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line) => line.trim());
  while (lines.at(-1) === "") lines.pop();
  const empty = lines.indexOf("");
  if (lines.length === 0 || empty >= 0)
    throw new DataError(
      `${what} "${path}" ${lines.length === 0 ? "holds nothing" : `has nothing in line ${empty + 1}`}; give a name a line.`,
    );
  return lines;
}
