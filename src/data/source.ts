import type { Picture } from "../pixels/index.js";

/** One labelled picture of a source. */
export interface Sample {
  /** Where it is: a file, or an archive and its place in it; keys and messages have it. */
  readonly path: string;
  /** Path within the source, which names the picture in results. */
  readonly name: string;
  /** Index into the source's classes. */
  readonly label: number;
}

/** Samples in a fixed order: an array, or what makes each one when it is asked for. */
export type Samples = ArrayLike<Sample> & Iterable<Sample>;

/** A part of a file. */
export interface Place {
  readonly path: string;
  /** Byte at which it begins. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** Labelled pictures in a fixed order. */
export interface Source {
  readonly name: string;
  /** Names; where the data have nothing but numbers, those, from "0" on. */
  readonly classes: readonly string[];
  readonly samples: Samples;
  /** What the user should know about it, such as files that were left out. */
  readonly notes: readonly string[];
  /**
   * Classes, by index, that alone compete (`--valid-labels`): samples have no others, and whoever scores this source takes no other
   * logit into account. All of them unless given.
   */
  readonly competing?: readonly number[];
  /** The files that `read` reads from. */
  readonly archives?: readonly string[];
  /** Where a sample's bytes are, where it is a part of a file as it stands. */
  place?(index: number): Place;
  /** The file of a sample by its path or bytes, or its pixels, where `path` is not one in all cases. */
  read?(index: number): Promise<string | Uint8Array | Picture>;
}

/** Text from a file as a message may show it: no control characters, which a terminal would obey, and not without end. */
export function shown(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const plain = name.replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "?");
  return plain.length > 200 ? `...${plain.slice(-197)}` : plain;
}

/** Orders as Python does; a locale would differ from machine to machine, and UTF-16 differs beyond U+FFFF. */
export function byCodePoint(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}
