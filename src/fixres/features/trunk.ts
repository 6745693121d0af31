import { type BadPicture, loadBatches } from "../../data/index.js";
import { FailedError } from "../../errors.js";
import { aheadOf, openComputing, sessionsOf } from "../../evaluate/index.js";
import { ARRAYS, elements, type TypedArray } from "../../onnx/index.js";
import { type Pool, runEach } from "../../runtime/index.js";
import { tuneMode } from "../modes.js";
import { divided, type Feature, trunkProgram } from "../top.js";
import type { FeatureOptions } from "./features.js";

/** Features of some pictures: numbers a picture, one after the other. */
export interface FeatureRows {
  /** Indices into the source's samples, [n]. */
  readonly samples: ArrayLike<number>;
  /** [n, numbers a picture] */
  readonly rows: TypedArray;
  readonly bad: readonly BadPicture[];
  /** Position in the order behind them. */
  readonly end: number;
}

/** A trunk that is ready to run, and what it gives. */
export interface Trunk {
  readonly pool: Pool;
  readonly batchSize: number;
  readonly parts: readonly Part[];
}

/** Opens the trunk of features. @param batchSize - pictures a run; the usual unless given */
export async function openTrunk(options: FeatureOptions, batchSize?: number): Promise<Trunk> {
  const { features, program } = cutOf(options, batchSize);
  const opened = await openComputing(options.model, { ...computing(options), batchSize }, () => program);
  return { ...opened, parts: partsOf(features) };
}

/** Runs pictures through the trunk, in the given order, batch by batch. */
export async function* trunkRows(
  { pool, batchSize, parts }: Trunk,
  { source, transform, seed, onBadImage, signal, type }: Omit<FeatureOptions, "model" | "cache" | "shown">,
  order: Int32Array,
  draw: number,
): AsyncGenerator<FeatureRows> {
  const ahead = aheadOf(batchSize, pool.parallel);
  const random = { seed, epoch: draw, shuffle: false, order };
  const batches = loadBatches(source, { transform, batchSize, ...random, onBadImage, signal, ahead });
  const width = lengthOf(parts);
  for await (const { batch, results } of runEach(
    pool,
    batches,
    ({ pixels }) => ({ pixels }),
    () => ["pixels"],
  )) {
    const { samples, bad, end, count } = batch;
    const rows = new ARRAYS[type](count * width);
    for (let i = 0; i < count; i++)
      for (const { name, at, length } of parts)
        rows.set(results[name]!.subarray(i * length, (i + 1) * length) as never, i * width + at);
    if (type === "float16" && (rows as Uint16Array).some((bits) => (bits & 0x7c00) === 0x7c00)) {
      throw new FailedError(
        `a feature of ${source.name} is beyond float16, which ends at 65504; keep features as float32 (--cache-type float32).`,
      );
    }
    yield { samples, rows, bad, end };
  }
}

/** What lies at the cut, what a picture's row of it takes, the program that computes it, and how. */
export function cutOf(options: FeatureOptions, batchSize?: number) {
  const { model, mode, type, transform } = options;
  const { count: sessions, batch } = sessionsOf(model, { ...computing(options), batchSize });
  const { features, ...division } = divided(model, tuneMode(mode), { resolution: transform.resolution, batch }, type);
  const rowBytes = lengthOf(partsOf(features)) * ARRAYS[type].BYTES_PER_ELEMENT;
  return { features, rowBytes, program: trunkProgram(division, model), sessions, batchSize: batch };
}

export const computing = ({ model, transform, device, threads }: FeatureOptions) => ({
  preprocessing: { ...model.input, resolution: transform.resolution },
  device,
  threads,
});

/** One feature's place in a picture's row. */
export interface Part {
  readonly name: string;
  readonly at: number;
  readonly length: number;
}

export function partsOf(features: readonly Feature[]): Part[] {
  let at = 0;
  return features.map(({ name, shape }) => {
    const length = elements(shape);
    at += length;
    return { name, at: at - length, length };
  });
}

export const lengthOf = (parts: readonly Part[]): number => parts.reduce((sum, { length }) => sum + length, 0);
