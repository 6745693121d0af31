import { RequestError } from "../errors.js";
import type { Random } from "../random.js";
import type { Batch } from "./loader.js";

/** Whether a batch shares its draws, each row has its own, or two rows that are mixed with each other share them. */
export const MIX_MODES = ["batch", "elem", "pair"] as const;

/** timm's arguments of mixup and CutMix. At least one of `mixup` and `cutmix` is to be above 0. */
export interface MixOptions {
  /** Both parameters of the beta distribution of mixup's lambda, such as 0.2; 0, which is none of it, unless given. */
  readonly mixup?: number;
  /** The same of CutMix's, such as 1. */
  readonly cutmix?: number;
  /** Of mixing at all; 1 unless given. */
  readonly probability?: number;
  /** Of CutMix where both are on; 0.5 unless given. */
  readonly switchProbability?: number;
  /** `batch` unless given. */
  readonly mode?: (typeof MIX_MODES)[number];
}

/** A batch of which each row is two pictures, `lambda` of its own and the rest of another. */
export interface MixedBatch extends Batch {
  /** Labels of what is mixed in, [batchSize]; 0 behind `count`. */
  readonly otherLabels: Int32Array;
  /** The share of `labels`, [batchSize], 0 to 1; 1 where nothing is mixed in and behind `count`. */
  readonly lambda: Float32Array;
}

/** @throws {RequestError} for a parameter, probability or mode that cannot be */
export function assertMix({ mixup = 0, cutmix = 0, mode = "batch", ...probabilities }: MixOptions): void {
  for (const [name, alpha] of [
    ["mixup", mixup],
    ["cutmix", cutmix],
  ] as const) {
    if (!(alpha >= 0 && alpha < Number.POSITIVE_INFINITY)) {
      throw new RequestError(`${name} is ${alpha}; give a number from 0, such as 0.2.`);
    }
  }
  if (mixup === 0 && cutmix === 0)
    throw new RequestError("mixup and cutmix are both 0; give one that is above, such as 0.2.");
  for (const [name, value = 1] of Object.entries(probabilities)) {
    if (!(value >= 0 && value <= 1)) throw new RequestError(`the mixing ${name} is ${value}; give one from 0 to 1.`);
  }
  if (!MIX_MODES.includes(mode)) {
    throw new RequestError(`Unknown mixing mode "${mode}". Known are ${MIX_MODES.join(", ")}.`);
  }
}

/**
 * mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899), byte for byte as timm's `FastCollateMixup`: row i is mixed with row
 * count - 1 - i, of n rows the middle one with itself. mixup gives `lambda a + (1 - lambda) b` of each byte, in floats, rounded half
 * to even; CutMix takes a box of b's, its lambda the share of the area that is left of a.
 * @returns a new batch; the given one is left as it is
 * @throws {RequestError} as `assertMix`
 */
export function mixBatch(batch: Batch, options: MixOptions, random: Random): MixedBatch {
  assertMix(options);
  const { count, labels } = batch;
  const bytes = batch.pixels.length / labels.length;
  const resolution = Math.sqrt(bytes / 3);
  const pixels = batch.pixels.slice();
  const otherLabels = new Int32Array(labels.length);
  const lambda = new Float32Array(labels.length).fill(1);
  const draws = drawMixes(options, count, resolution, random);
  for (let i = 0; i < count; i++) {
    const j = count - 1 - i;
    otherLabels[i] = labels[j]!;
    const mix = draws[i]!;
    if (mix === null) continue;
    lambda[i] = mix.lambda;
    const into = pixels.subarray(i * bytes, (i + 1) * bytes);
    const other = batch.pixels.subarray(j * bytes, (j + 1) * bytes);
    if (mix.box) paste(other, into, mix.box, resolution);
    else blend(other, into, mix.lambda);
  }
  return { ...batch, pixels, otherLabels, lambda };
}

/**
 * The probabilities that mixed rows are to be given: timm's `mixup_target`, each label smoothed before.
 * @param labelSmoothing - what is taken from the label and given to all classes alike, 0 to 1
 * @returns [batchSize, classes]; rows sum to 1
 */
export function softTargets(
  { labels, otherLabels, lambda }: Pick<MixedBatch, "labels" | "otherLabels" | "lambda">,
  classes: number,
  labelSmoothing: number,
): Float32Array {
  const targets = new Float32Array(labels.length * classes).fill(labelSmoothing / classes);
  for (let i = 0; i < labels.length; i++) {
    targets[i * classes + labels[i]!]! += lambda[i]! * (1 - labelSmoothing);
    targets[i * classes + otherLabels[i]!]! += (1 - lambda[i]!) * (1 - labelSmoothing);
  }
  return targets;
}

/** From `start` up to `end`. */
type Span = readonly [start: number, end: number];

/** What is done to a row: with a box it is CutMix. */
interface Mix {
  readonly lambda: number;
  readonly box: { readonly rows: Span; readonly columns: Span } | null;
}

/** A row's draw, null where it stays as it is; in the order in which timm draws them. */
function drawMixes(options: MixOptions, count: number, resolution: number, random: Random): (Mix | null)[] {
  const { mixup = 0, cutmix = 0, probability = 1, switchProbability = 0.5, mode = "batch" } = options;
  if (mode === "batch") {
    if (random.uniform() >= probability) return new Array<null>(count).fill(null);
    const cuts = mixup > 0 && cutmix > 0 ? random.uniform() < switchProbability : cutmix > 0;
    const lambda = drawBeta(cuts ? cutmix : mixup, random);
    const mix = cuts ? cutBox(lambda, resolution, (x) => x, random) : { lambda, box: null };
    return new Array<Mix>(count).fill(mix);
  }
  const n = mode === "pair" ? Math.floor(count / 2) : count;
  const each = <T>(draw: () => T): T[] => Array.from({ length: n }, draw);
  const switches = mixup > 0 && cutmix > 0 ? each(() => random.uniform() < switchProbability) : each(() => cutmix > 0);
  const cutting = cutmix > 0 ? each(() => drawBeta(cutmix, random)) : [];
  const mixing = mixup > 0 ? each(() => drawBeta(mixup, random)) : [];
  const on = each(() => random.uniform() < probability);
  const mixes = switches.map((cuts, i): Mix | null => {
    const lambda = Math.fround((cuts ? cutting : mixing)[i]!);
    if (!on[i] || lambda === 1) return null;
    return cuts ? cutBox(lambda, resolution, Math.fround, random) : { lambda, box: null };
  });
  return mode === "pair" ? [...mixes, ...(count % 2 === 1 ? [null] : []), ...mixes.toReversed()] : mixes;
}

/** A square of about `1 - lambda` of the area around a random pixel, and what the edges leave of it. */
function cutBox(lambda: number, resolution: number, round: (x: number) => number, random: Random): Mix {
  const ratio = round(Math.sqrt(round(1 - lambda)));
  const side = Math.trunc(round(resolution * ratio));
  const span = (): Span => {
    const middle = random.integer(resolution);
    const start = Math.max(0, middle - Math.floor(side / 2));
    return [start, Math.min(resolution, middle + Math.floor((side + 1) / 2))];
  };
  const rows = span();
  const columns = span();
  const area = (rows[1] - rows[0]) * (columns[1] - columns[0]);
  return { lambda: 1 - area / resolution ** 2, box: { rows, columns } };
}

function paste(from: Uint8Array, to: Uint8Array, { rows, columns }: NonNullable<Mix["box"]>, resolution: number): void {
  for (let y = rows[0]; y < rows[1]; y++) {
    const [start, end] = [(y * resolution + columns[0]) * 3, (y * resolution + columns[1]) * 3];
    to.set(from.subarray(start, end), start);
  }
}

function blend(from: Uint8Array, to: Uint8Array, lambda: number): void {
  const weighted = (weight: number) => Float32Array.from({ length: 256 }, (_, byte) => byte * Math.fround(weight));
  const [own, other] = [weighted(lambda), weighted(1 - lambda)];
  // Rounds half to even.
  const out = new Uint8ClampedArray(to.buffer, to.byteOffset, to.length);
  for (let i = 0; i < to.length; i++) out[i] = Math.fround(own[to[i]!]! + other[from[i]!]!);
}

/** Beta(alpha, alpha), as a share of two gamma variates of which the logarithms are kept: small ones would come to 0. */
function drawBeta(alpha: number, random: Random): number {
  const x = drawLogGamma(alpha, random);
  return 1 / (1 + Math.exp(drawLogGamma(alpha, random) - x));
}

/** Marsaglia and Tsang's gamma variate (doi 10.1145/358407.358414) of alpha + 1, brought to alpha by a uniform one. */
function drawLogGamma(alpha: number, random: Random): number {
  const d = alpha + 2 / 3;
  for (;;) {
    const x = random.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < (x * x) / 2 + d - d * v + d * Math.log(v)) {
      return Math.log(d * v) + Math.log(1 - random.uniform()) / alpha;
    }
  }
}
