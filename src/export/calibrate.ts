import { loadBatches, orderOf, partOf, type Source, testTransform } from "../data/index.js";
import { type Graph, quantizationPlan, type Range, type Value } from "../onnx/index.js";
import type { TestPreprocessing } from "../pixels/index.js";
import { type Progress, silent } from "../progress.js";
import { openSession, packed, runEach, type Session, type SessionOptions } from "../runtime/index.js";
import type { ExportGraph } from "./file.js";

export interface CalibrationOptions extends Pick<SessionOptions, "threads"> {
  readonly preprocessing: TestPreprocessing;
  /** Pictures to look at, at most; 128 unless given. */
  readonly pictures?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** Bars of a histogram. */
const BINS = 2048;

/** Bits of an activation: 256 steps. */
const STEPS = 256;

/** How much of its whole range a value may be clipped to, tried in so many steps. */
const SHARES = Array.from({ length: 40 }, (_, i) => 1 - i / 50);

/**
 * The range in which each value of a graph that is to be kept in 8 bits does least harm: over pictures of a source, that whose
 * 256 steps have the least mean squared error, those clipped counted. Two passes: extremes, then histograms between them.
 * @param exported - with BatchNorms folded
 */
export async function calibrate(
  { graph, data }: ExportGraph,
  source: Source,
  { preprocessing, pictures = 128, seed = 0, threads, signal, progress = silent }: CalibrationOptions,
): Promise<ReadonlyMap<Value, Range>> {
  const { values } = quantizationPlan(graph);
  const outputs = Object.fromEntries(values.map((value, i) => [`value/${i}`, value]));
  const watched: Graph = { ...graph, outputs };
  const session = await openSession(packed(watched, data), { threads });
  const chosen = samplesOf(source, pictures, seed);
  const pass = (task: string, use: (name: string, elements: Float32Array) => void) =>
    look(session, chosen, { preprocessing, signal, progress, task }, use);
  try {
    const extremes = new Map(values.map((value) => [value, { low: Infinity, high: -Infinity }]));
    await pass("calibrate 1/2", (name, elements) => {
      const extreme = extremes.get(outputs[name]!)!;
      for (const element of elements) {
        if (element < extreme.low) extreme.low = element;
        if (element > extreme.high) extreme.high = element;
      }
    });
    const histograms = new Map(values.map((value) => [value, new Float64Array(BINS)]));
    await pass("calibrate 2/2", (name, elements) => {
      const value = outputs[name]!;
      const { low, high } = extremes.get(value)!;
      const histogram = histograms.get(value)!;
      const scale = BINS / (high - low || 1);
      for (const element of elements) histogram[Math.min(BINS - 1, Math.floor((element - low) * scale))]!++;
    });
    return new Map(values.map((value) => [value, bestRange(extremes.get(value)!, histograms.get(value)!)]));
  } finally {
    await session.dispose();
  }
}

/** A part of a source, drawn by the seed. */
function samplesOf(source: Source, count: number, seed: number): Source {
  const order = orderOf(source.samples.length, { seed, epoch: 0, shuffle: true }).subarray(0, count);
  return partOf(source, order);
}

async function look(
  session: Session,
  source: Source,
  {
    preprocessing,
    signal,
    progress,
    task,
  }: { preprocessing: TestPreprocessing; signal: AbortSignal | undefined; progress: Progress; task: string },
  use: (name: string, elements: Float32Array) => void,
): Promise<void> {
  const shown = progress.start(task, source.samples.length, "pictures");
  try {
    const order = { seed: 0, epoch: 0, shuffle: false };
    const batches = loadBatches(source, {
      transform: testTransform(preprocessing),
      batchSize: session.inputs.pixels![0]!,
      ...order,
      onBadImage: "skip",
      signal,
    });
    for await (const { batch, results } of runEach(session, batches, ({ pixels }) => ({ pixels }))) {
      if (batch.count > 0) for (const [name, elements] of Object.entries(results)) use(name, elements as Float32Array);
      shown.advance(batch.count + batch.bad.length);
    }
  } finally {
    shown.end();
  }
}

/** The range around 0, no wider than the extremes, whose steps have the least squared error over a histogram. */
export function bestRange({ low, high }: Range, histogram: Float64Array): Range {
  const width = (high - low) / histogram.length;
  let best = { low, high };
  let least = Infinity;
  for (const share of SHARES) {
    const [from, to] = [Math.min(low, 0) * share, Math.max(high, 0) * share];
    const step = (to - from) / (STEPS - 1);
    let error = 0;
    histogram.forEach((count, i) => {
      if (count === 0) return;
      const element = low + (i + 0.5) * width;
      const beyond = Math.max(from - element, element - to, 0);
      error += count * (beyond > 0 ? beyond ** 2 : step ** 2 / 12);
    });
    if (error < least) [best, least] = [{ low: from, high: to }, error];
  }
  return best;
}
