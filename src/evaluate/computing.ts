import { availableParallelism } from "node:os";
import {
  loadBatches,
  type OnBadImage,
  type PictureCache,
  type Source,
  type TestPreprocessing,
  testTransform,
} from "../data/index.js";
import { type Model, possibleBatch, usualBatch } from "../models/index.js";
import { elements } from "../onnx/index.js";
import { openPool, type Pool, type Program, runEach, type SessionOptions } from "../runtime/index.js";

export interface ComputingOptions extends Pick<SessionOptions, "device" | "threads"> {
  readonly preprocessing: TestPreprocessing;
  readonly batchSize?: number;
}

/** Pictures a run on a CPU at most; runs are then long enough for what passes between threads. */
const CPU_BATCH = 4;

/** Pixels a run on a CPU: four pictures of 224 px, whose activations stay in a core's cache; at 320 px two are a tenth faster than four. */
const CPU_PIXELS = 4 * 224 ** 2;

/** Sessions at most; decoding, which is this thread's, cannot feed more of the smallest network. */
const MOST_SESSIONS = 8;

/** Weights, bytes, above which there is one session, since each has its own copy of most. */
const LARGE_WEIGHTS = 2 ** 28;

/** Pictures a run, where the network lets one choose: the same on any machine, since results may depend on it in their last digits. */
export function batchOf(model: Model, { preprocessing, device = "cpu", batchSize }: ComputingOptions): number {
  const { resolution } = preprocessing;
  const usual = usualBatch(model, resolution);
  const cached = Math.max(1, Math.round(CPU_PIXELS / resolution ** 2));
  const onCpu = Math.min(CPU_BATCH, cached, usual);
  return possibleBatch(model, { resolution, batch: batchSize ?? (device === "cpu" ? onCpu : usual) });
}

/**
 * How the threads of a CPU are divided: into sessions of one thread each, as long as neither their activations nor their weights take
 * much memory.
 * @param batch - pictures a run  @param usual - pictures whose activations may be in memory
 */
export function division(
  threads: number,
  { batch, usual, weightBytes }: { batch: number; usual: number; weightBytes: number },
): { count: number; threads: number } {
  const fitting = weightBytes > LARGE_WEIGHTS ? 1 : Math.max(1, Math.floor((2 * usual) / batch));
  const count = Math.min(threads, MOST_SESSIONS, fitting);
  return { count, threads: Math.floor(threads / count) };
}

/** How many sessions compute, with how many threads each, and pictures a run. */
export function sessionsOf(
  model: Model,
  options: ComputingOptions,
): { readonly count: number; readonly threads?: number; readonly batch: number } {
  const { device = "cpu", threads = availableParallelism(), preprocessing } = options;
  const batch = batchOf(model, options);
  if (device !== "cpu") return { count: 1, threads: options.threads, batch };
  const weightBytes = [...model.tensors.values()].reduce((sum, { shape }) => sum + 4 * elements(shape), 0);
  return { ...division(threads, { batch, usual: usualBatch(model, preprocessing.resolution), weightBytes }), batch };
}

/**
 * Opens what computes batches of pictures.
 * @param program - of a batch size
 */
export async function openComputing(
  model: Model,
  options: ComputingOptions,
  program: (size: { readonly resolution: number; readonly batch: number }) => Program,
): Promise<{ readonly pool: Pool; readonly batchSize: number }> {
  const { device = "cpu", preprocessing } = options;
  const { batch, ...sessions } = sessionsOf(model, options);
  const opened = program({ resolution: preprocessing.resolution, batch });
  return { pool: await openPool(opened, { device, ...sessions }), batchSize: batch };
}

/** Batches that the loader makes ahead, so that as many pictures wait for large batches as for small ones. */
export const aheadOf = (batchSize: number, parallel: number): number =>
  Math.max(2 * parallel, Math.ceil(32 / batchSize));

export type Computing = Awaited<ReturnType<typeof openComputing>>;

/** Which pictures of a source are computed, and how they are read. */
export interface ShownOptions {
  readonly preprocessing: TestPreprocessing;
  readonly onBadImage?: OnBadImage;
  readonly cache?: PictureCache;
  readonly signal?: AbortSignal;
  /** Position to begin at. */
  readonly start?: number;
  /** Indices of the pictures, in place of all. */
  readonly order?: Int32Array;
}

/** What the sessions give for a source's pictures, batch by batch, in their order. */
export function computed(
  { pool, batchSize }: Computing,
  source: Source,
  { preprocessing, onBadImage, cache, signal, start, order }: ShownOptions,
) {
  const shown = { seed: 0, epoch: 0, shuffle: false, start, order, ahead: aheadOf(batchSize, pool.parallel) };
  const transform = testTransform(preprocessing);
  const batches = loadBatches(source, { transform, batchSize, ...shown, onBadImage, cache, signal });
  return runEach(
    pool,
    batches,
    ({ pixels }) => ({ pixels }),
    () => ["pixels"],
  );
}
