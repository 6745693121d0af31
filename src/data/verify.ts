import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { DataError } from "../errors.js";
import type { Picture } from "../pixels/index.js";
import { type Progress, silent } from "../progress.js";
import { inOrder } from "./ahead.js";
import { type BadPicture, readPicture } from "./loader.js";
import { type Source, shown } from "./source.js";

/** A part of a data set, such as `train`. */
export interface Part {
  readonly part: string;
  readonly source: Source;
}

/** A picture as a finding names it. */
export interface Found {
  readonly part: string;
  readonly name: string;
  readonly class: string;
}

/** What there is to know of a data set before it is used. */
export interface Verification {
  /** Pictures that were looked at, bad ones too. */
  readonly pictures: number;
  readonly bad: readonly (BadPicture & { readonly part: string })[];
  /** Pictures with the same pixels, whatever file they are in; those in two parts, which make a test look better, come first. */
  readonly duplicates: readonly (readonly Found[])[];
  /** Of each class, how many pictures each part has. */
  readonly classes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly seconds: number;
  readonly picturesPerSecond: number;
}

export interface VerifyOptions {
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/**
 * Decodes every picture and says which cannot be, which are the same, and how many each class has. Of a picture eight bytes are kept,
 * of SHA-256 over its size and pixels: a file that was saved anew without loss, or lost its EXIF block, is still the same picture.
 */
export async function verify(
  parts: readonly Part[],
  { signal, progress = silent }: VerifyOptions = {},
): Promise<Verification> {
  const total = parts.reduce((sum, { source }) => sum + source.samples.length, 0);
  const keys = new BigUint64Array(total);
  const bad: (BadPicture & { part: string })[] = [];
  const classes = new Map<string, Record<string, number>>();
  const started = performance.now();
  const task = progress.start("verify", total, "pictures");
  try {
    let first = 0;
    for (const { part, source } of parts) {
      const counts = new Float64Array(source.classes.length);
      const running = Math.max(2 * availableParallelism(), 4);
      const results = inOrder(source.samples.length, (i) => keyOf(source, i), { running, waiting: 4 * running });
      let i = 0;
      for await (const key of results) {
        signal?.throwIfAborted();
        const { name, label } = source.samples[i]!;
        if (typeof key === "bigint") keys[first + i] = key;
        else bad.push({ part, name: shown(name), reason: key.message });
        counts[label]!++;
        i++;
        task.advance(1, bad.length > 0 ? `${bad.length} bad` : undefined);
      }
      for (const [label, name] of source.classes.entries())
        classes.set(name, { ...classes.get(name), [part]: counts[label]! });
      first += i;
    }
  } finally {
    task.end();
  }
  const seconds = (performance.now() - started) / 1000;
  const duplicates = sameKeys(keys).map((group) => group.map((index) => foundAt(parts, index)));
  const crossing = (group: readonly Found[]): number => (group.some(({ part }) => part !== group[0]!.part) ? 0 : 1);
  duplicates.sort((a, b) => crossing(a) - crossing(b));
  return {
    pictures: total,
    bad,
    duplicates,
    classes: Object.fromEntries(classes),
    seconds,
    picturesPerSecond: total / seconds,
  };
}

/** Zero stands for a picture that could not be read. */
const NONE = 0n;

async function keyOf(source: Source, index: number): Promise<bigint | DataError> {
  try {
    return hashOf(await readPicture(source, index));
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}

function hashOf({ width, height, data }: Picture): bigint {
  const digest = createHash("sha256").update(`${width}x${height} `).update(data).digest();
  return digest.readBigUInt64LE() || 1n;
}

/** Groups of places that have the same key, in the order of their first. */
function sameKeys(keys: BigUint64Array): number[][] {
  const sorted = keys.slice().sort();
  const twice = new Set<bigint>();
  for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1] && sorted[i] !== NONE) twice.add(sorted[i]!);
  const groups = new Map<bigint, number[]>();
  for (let i = 0; twice.size > 0 && i < keys.length; i++) {
    if (twice.has(keys[i]!)) groups.set(keys[i]!, [...(groups.get(keys[i]!) ?? []), i]);
  }
  return [...groups.values()];
}

function foundAt(parts: readonly Part[], index: number): Found {
  let first = 0;
  for (const { part, source } of parts) {
    const { samples, classes } = source;
    if (index < first + samples.length) {
      const { name, label } = samples[index - first]!;
      return { part, name: shown(name), class: classes[label]! };
    }
    first += samples.length;
  }
  throw new RangeError(`no picture has the place ${index}`);
}
