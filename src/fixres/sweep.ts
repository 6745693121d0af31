import { openPictureCache, type Source, type TestPreprocessing } from "../data/index.js";
import { type EvaluateOptions, type Evaluation, evaluate } from "../evaluate/index.js";
import type { Model } from "../models/index.js";

/** Accuracy at one test resolution. */
export interface SweepRow
  extends Pick<Evaluation, "top1" | "top5" | "loss" | "n" | "ci95" | "imagesPerSecond" | "bad"> {
  readonly resolution: number;
  readonly preprocessing: TestPreprocessing;
}

export interface SweepOptions extends Omit<EvaluateOptions, "cache" | "task"> {
  readonly resolutions: readonly number[];
  /** Bytes of decoded pictures to keep from one resolution to the next; 1 GiB unless given. */
  readonly cacheBytes?: number;
}

/** Accuracy over test resolutions, all else as in the given preprocessing (arXiv 1906.06423, figure 5). */
export async function sweep(
  model: Model,
  source: Source,
  { resolutions, cacheBytes = 2 ** 30, ...options }: SweepOptions,
): Promise<SweepRow[]> {
  const cache = openPictureCache(cacheBytes);
  const rows: SweepRow[] = [];
  for (const resolution of resolutions) {
    const preprocessing = { ...options.preprocessing, resolution };
    const task = `resolution ${resolution}`;
    const found = await evaluate(model, source, { ...options, preprocessing, cache, task });
    const { top1, top5, loss, n, ci95, imagesPerSecond, bad } = found;
    rows.push({ resolution, top1, top5, loss, n, ci95, imagesPerSecond, bad, preprocessing });
  }
  return rows;
}
