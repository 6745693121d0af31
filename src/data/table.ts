import { DataError } from "../errors.js";
import { byCodePoint, type Sample, type Samples, type Source, shown } from "./source.js";

/** Samples, and numbers, in a block; a power of two. */
const BLOCK = 1 << 16;

interface Block {
  /** The names, one behind the other, in UTF-8. */
  readonly names: Uint8Array;
  /** Where each begins, and where the last ends. */
  readonly starts: Uint32Array;
  readonly labels: Int32Array;
}

/**
 * Collects samples in the least memory: the bytes of a name and eight more a sample. ImageNet-21k's 14 million take half a gigabyte,
 * where as many objects would take four.
 */
export class SampleTable {
  private readonly blocks: Block[] = [];
  private names: string[] = [];
  private labels: number[] = [];

  get length(): number {
    return this.blocks.length * BLOCK + this.names.length;
  }

  add(name: string, label: number): void {
    this.names.push(name);
    this.labels.push(label);
    if (this.names.length === BLOCK) this.seal();
  }

  private seal(): void {
    const starts = new Uint32Array(this.names.length + 1);
    let end = 0;
    for (const [i, name] of this.names.entries()) starts[i + 1] = end += Buffer.byteLength(name);
    const names = new Uint8Array(Buffer.from(this.names.join("")));
    this.blocks.push({ names, starts, labels: Int32Array.from(this.labels) });
    this.names = [];
    this.labels = [];
  }

  name(index: number): string {
    const block = this.blocks[index >> 16];
    if (block === undefined) return this.names[index - this.blocks.length * BLOCK]!;
    const i = index & (BLOCK - 1);
    return Buffer.from(block.names.buffer, block.starts[i]!, block.starts[i + 1]! - block.starts[i]!).toString();
  }

  label(index: number): number {
    return this.blocks[index >> 16]?.labels[index & (BLOCK - 1)] ?? this.labels[index - this.blocks.length * BLOCK]!;
  }

  /** @param pathOf - where a sample is, by its name and index */
  samples(pathOf: (name: string, index: number) => string): Samples {
    const at = (index: number): Sample => {
      const name = this.name(index);
      return { name, path: pathOf(name, index), label: this.label(index) };
    };
    return lazily(this.length, at);
  }
}

/** A table of samples whose classes are met on the way. */
export class ClassTable {
  private readonly table = new SampleTable();
  private readonly met = new Map<string, number>();

  get length(): number {
    return this.table.length;
  }

  /** @param name - is kept in a block of its own encoding, so that no larger text stays in memory for it */
  add(name: string, className: string): void {
    const index = this.met.get(className) ?? this.met.size;
    this.met.set(className, index);
    this.table.add(name, index);
  }

  /**
   * The classes in their order, and the samples with indices into them.
   * @param numbers - whether class names are label numbers
   * @param names - of the classes, in their order, where those are known beforehand
   * @throws {DataError} where a class is not among them, or a number too large
   */
  finish(
    pathOf: (name: string, index: number) => string,
    { numbers = false, names = [] }: { readonly numbers?: boolean; readonly names?: readonly string[] } = {},
  ): { classes: readonly string[]; samples: Samples } {
    const classes =
      names.length > 0 ? names : numbers ? countedTo([...this.met.keys()]) : inOrderOfNames([...this.met.keys()]);
    const places = new Map(classes.map((name, i) => [name, i]));
    const unknown = [...this.met.keys()].find((name) => !places.has(name));
    if (unknown !== undefined)
      throw new DataError(`the label "${shown(unknown)}" is none of the ${classes.length} classes that the data name.`);
    const labels = Int32Array.from(this.met.keys(), (name) => places.get(name)!);
    const { table } = this;
    const at = (index: number): Sample => {
      const name = table.name(index);
      return { name, path: pathOf(name, index), label: labels[table.label(index)]! };
    };
    return { classes, samples: lazily(table.length, at) };
  }
}

/** Most classes that label numbers may count to: an array of names is made of them. */
const MOST_CLASSES = 1_000_000;

/** "0" to the largest number. */
function countedTo(numbers: readonly string[]): string[] {
  const most = numbers.reduce((largest, number) => Math.max(largest, Number(number)), -1);
  if (most < MOST_CLASSES) return Array.from({ length: most + 1 }, (_, i) => String(i));
  throw new DataError(
    `the label ${most} is above ${MOST_CLASSES - 1}, the largest that labels may be; is it a label at all?`,
  );
}

/** Whether all names are numbers, which then are in the order of numbers. */
export const areNumbers = (names: readonly string[]): boolean => names.every((name) => /^\d{1,9}$/.test(name));

/** Numbers by value; other names by code point, as torchvision sorts all. */
export const inOrderOfNames = (names: readonly string[]): string[] =>
  areNumbers(names)
    ? names.toSorted((a, b) => Number(a) - Number(b) || byCodePoint(a, b))
    : names.toSorted(byCodePoint);

/** Numbers beside samples, such as where each begins: eight bytes a number, and never copied to grow. */
export class Numbers {
  private readonly blocks: Float64Array[] = [];
  private count = 0;

  push(value: number): void {
    if (this.count % BLOCK === 0) this.blocks.push(new Float64Array(BLOCK));
    this.blocks.at(-1)![this.count++ % BLOCK] = value;
  }

  at(index: number): number {
    return this.blocks[Math.floor(index / BLOCK)]![index % BLOCK]!;
  }
}

/** Samples by index, made when they are asked for. */
export function lazily(length: number, at: (index: number) => Sample): Samples {
  const samples = {
    length,
    *[Symbol.iterator]() {
      for (let i = 0; i < length; i++) yield at(i);
    },
  };
  // An index is the only thing that an object cannot answer by itself.
  return new Proxy(samples, {
    get: (target, key) => {
      const index = typeof key === "string" ? Number(key) : Number.NaN;
      if (Number.isNaN(index)) return Reflect.get(target, key);
      return Number.isInteger(index) && index >= 0 && index < length ? at(index) : undefined;
    },
  }) as unknown as Samples;
}

/** Some samples of a source, as one. @param indices - of the samples, in the order that they get */
export function partOf(source: Source, indices: ArrayLike<number>): Source {
  const { samples, read, place } = source;
  return {
    ...source,
    samples: lazily(indices.length, (index) => samples[indices[index]!]!),
    ...(place && { place: (index) => place(indices[index]!) }),
    ...(read && { read: (index) => read(indices[index]!) }),
  };
}

/** The samples of two sources of the same classes, one behind the other, as one. */
export function joinSources(first: Source, second: Source): Source {
  const parts = [first, second] as const;
  const { length } = first.samples;
  const part = (index: number): [Source, number] => (index < length ? [first, index] : [second, index - length]);
  const at = (index: number): Sample => {
    const [{ samples }, own] = part(index);
    return samples[own]!;
  };
  const read: Source["read"] = async (index) => {
    const [source, own] = part(index);
    return source.read === undefined ? source.samples[own]!.path : source.read(own);
  };
  const archives = parts.flatMap((source) => source.archives ?? []);
  return {
    name: `${first.name} and ${second.name}`,
    classes: first.classes,
    samples: lazily(length + second.samples.length, at),
    notes: parts.flatMap(({ notes }) => notes),
    ...(parts.some((source) => source.read !== undefined) && { archives, read }),
  };
}
