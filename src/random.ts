/**
 * Seeded randomness. Everything random in the project starts here, from integers and words that the caller names (seed,
 * purpose, epoch, index), so that no result depends on the order in which work arrives.
 *
 * @module
 */
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** A stream of pseudo-random numbers; two streams of the same key are equal. */
export interface Random {
  /** The next number, uniform in [0, 1), with 32 bits. */
  uniform(): number;
  /** The next integer, uniform in 0..n-1. */
  integer(n: number): number;
  /** The next standard normal number (Box-Muller, one of each pair). */
  normal(): number;
  /** Puts the elements into a random order, in place (Fisher-Yates). */
  shuffle(array: { [index: number]: number; readonly length: number }): void;
}

/**
 * The stream that belongs to a key, such as `random(seed, "crop", epoch, index)`.
 * @param key - safe integers and words; their order matters
 */
export function random(...key: readonly (number | string)[]): Random {
  const generator = xoroshiro128plus(hash(key.join("\u0000")));
  const uniform = (): number => (generator.next() >>> 0) / 2 ** 32;
  const integer = (n: number): number => Math.floor(uniform() * n);
  return {
    uniform,
    integer,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    shuffle(array) {
      for (let i = array.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        [array[i], array[j]] = [array[j]!, array[i]!];
      }
    },
  };
}

/** FNV-1a over UTF-16 units, finished by murmur3's mixer so that neighbouring keys give unrelated seeds. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
