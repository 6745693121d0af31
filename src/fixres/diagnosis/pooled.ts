import {
  type BadPicture,
  loadBatches,
  type OnBadImage,
  type PictureCache,
  type Source,
  type Transform,
} from "../../data/index.js";
import { aheadOf, type ComputingOptions, openComputing } from "../../evaluate/index.js";
import type { Model } from "../../models/index.js";
import { type Progress, silent } from "../../progress.js";
import { runEach } from "../../runtime/index.js";
import { tuneMode } from "../modes.js";
import { divided, trunkProgram } from "../top.js";
import type { Activations } from "./activations.js";

export interface PooledOptions extends ComputingOptions {
  /** Of the pictures; `preprocessing` says the resolution alone. */
  readonly transform: Transform;
  /** How many times each picture is shown, which matters where the transform is random. */
  readonly passes: number;
  readonly seed: number;
  readonly onBadImage?: OnBadImage;
  readonly cache?: PictureCache;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /** What the progress calls this. */
  readonly task: string;
}

/** What enters a model's classifier for each picture of a source, pass by pass; maps are averaged, where pooling comes behind it. */
export async function pooledActivations(
  model: Model,
  source: Source,
  { transform, passes, seed, onBadImage, cache, signal, progress = silent, task, ...computing }: PooledOptions,
): Promise<{ readonly passes: readonly Activations[]; readonly bad: readonly BadPicture[] }> {
  let channels = 0;
  let area = 1;
  const { pool, batchSize } = await openComputing(model, computing, (size) => {
    const division = divided(model, tuneMode("classifier"), size);
    const [C, ...space] = division.features[0]!.shape;
    [channels, area] = [C!, space.reduce((a, b) => a * b, 1)];
    return trunkProgram(division, model);
  });
  const shown = progress.start(task, passes * source.samples.length, "pictures");
  const found: Activations[] = [];
  let bad: readonly BadPicture[] = [];
  try {
    for (let epoch = 0; epoch < passes; epoch++) {
      const order = { seed, epoch, shuffle: false, ahead: aheadOf(batchSize, pool.parallel) };
      const batches = loadBatches(source, { transform, batchSize, ...order, onBadImage, cache, signal });
      const rows: Float32Array[] = [];
      const unread: BadPicture[] = [];
      for await (const { batch, results } of runEach(
        pool,
        batches,
        ({ pixels }) => ({ pixels }),
        () => ["pixels"],
      )) {
        const values = averaged(Object.values(results)[0] as Float32Array, area);
        rows.push(values.slice(0, batch.count * channels));
        unread.push(...batch.bad);
        shown.advance(batch.count + batch.bad.length);
      }
      found.push({ values: joined(rows), channels });
      bad = unread;
    }
    return { passes: found, bad };
  } finally {
    shown.end();
    await pool.dispose();
  }
}

/** The mean of each `area` values. */
function averaged(maps: Float32Array, area: number): Float32Array {
  if (area === 1) return maps;
  return Float32Array.from({ length: maps.length / area }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < area; j++) sum += maps[i * area + j]!;
    return sum / area;
  });
}

/** Arrays one behind the other. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
