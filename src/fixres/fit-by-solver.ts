import { fromFloat16 } from "../weights/index.js";
import { type Fit, type FitOptions, openJudge } from "./fit.js";
import { linearTop } from "./linear.js";
import { CHUNK_ROWS, type RowChunk, type Rows, solveClassifier } from "./solver/index.js";

/**
 * The optimum of the classifier over all features, by L-BFGS, its strength of regularisation chosen by a part of the pictures
 * (docs/SOLVER.md).
 * @throws {RequestError} where more than a linear classifier is tuned
 */
export async function fitBySolver(given: FitOptions): Promise<Fit> {
  const { division, start, options, device, threads, progress, signal } = given;
  const { labelSmoothing, holdout, seed } = options;
  const linear = linearTop(division, start);
  const started = performance.now();
  const judge = await openJudge(given, division.trained);
  const before = linear.read(start);
  const judged = judge === null ? [] : [await judge(linear.written(before))];
  const { report, ...found } = await solveClassifier(await rowsOf(given, linear.width), before, {
    labelSmoothing,
    heldOutShare: holdout,
    seed,
    device,
    threads,
    signal,
    progress,
  });
  const tensors = linear.written(found);
  if (judge !== null) judged.push(await judge(tensors));
  const losses = [report.refit.objective];
  await given.keep?.({ losses, judged, tensors: async () => tensors });
  return { tensors, losses, judged, epochSeconds: [(performance.now() - started) / 1000], solved: report };
}

/** The features of all pictures that can be read: as float32 in memory where they fit, else as they are kept, pass by pass. */
async function rowsOf({ all, memoryBytes }: FitOptions, width: number): Promise<Rows> {
  async function* chunks(): AsyncGenerator<RowChunk> {
    for await (const { features, labels, count } of all(CHUNK_ROWS)) {
      const [values] = Object.values(features);
      const numbers = values instanceof Uint16Array ? fromFloat16(values) : (values as Float32Array);
      yield { features: numbers.subarray(0, count * width), labels: labels.subarray(0, count), count };
    }
  }
  const held: RowChunk[] = [];
  let count = 0;
  for await (const chunk of chunks()) {
    count += chunk.count;
    if (count * width * 4 <= memoryBytes) held.push(chunk);
    else held.length = 0;
  }
  if (count * width * 4 > memoryBytes) return { count, width, rows: chunks };
  return {
    count,
    width,
    async *rows() {
      yield* held;
    },
  };
}
