/** What the golden file of augmentations holds, and the streams it was made with. */
import { readFileSync } from "node:fs";
import { uniform } from "../parity/fill.js";
import type { Random } from "./random.js";

/** augment.json, which make_augment.py beside it writes. */
export interface AugmentGolden {
  readonly operations: readonly {
    readonly operation: string;
    readonly filter?: "bilinear" | "bicubic";
    readonly negative?: boolean;
    readonly size: readonly [number, number];
    readonly crc32: readonly number[];
  }[];
  readonly policies: readonly {
    readonly augment: string;
    readonly interpolation: "bilinear" | "bicubic" | "random";
    readonly size: readonly [number, number];
    readonly crc32: readonly number[];
  }[];
  readonly erased: readonly {
    readonly mode: "const" | "rand" | "pixel";
    readonly size: readonly [number, number];
    readonly probability: number;
    readonly count: number;
    readonly crc32: readonly number[];
  }[];
  readonly mixed: readonly {
    readonly options: {
      readonly mixup: number;
      readonly cutmix: number;
      readonly probability: number;
      readonly switchProbability: number;
      readonly mode: "batch" | "elem" | "pair";
    };
    readonly resolution: number;
    readonly rows: number;
    readonly outcomes: readonly { readonly crc32: number; readonly targets: readonly (readonly number[])[] }[];
  }[];
}

export const augmentGolden = (): AugmentGolden =>
  JSON.parse(readFileSync(new URL("../test/golden/pillow/augment.json", import.meta.url), "utf8"));

/** timm's fill for ImageNet's mean. */
export const FILL = [124, 116, 104] as const;

/** A stream of given numbers in [0, 1), its integers and normal numbers made of them as by `random`. */
export function streamOf(numbers: Iterable<number>): Random {
  const iterator = numbers[Symbol.iterator]();
  const next = (): number => {
    const { done, value } = iterator.next();
    if (done) throw new Error("the stream has ended.");
    return value;
  };
  return {
    uniform: next,
    integer: (n) => Math.floor(next() * n),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    shuffle: () => {
      throw new Error("nothing here is shuffled.");
    },
  };
}

/** The stream that golden files know by a name. */
export const namedStream = (name: string, length = 1 << 14): Random =>
  streamOf(uniform(name, length).map((value) => (value + 1) / 2));
