import { inferenceGraph, inferenceProgram, type Model, multiplyAdds, possibleBatch } from "../models/index.js";
import { openSession, type SessionOptions } from "../runtime/index.js";

/** What a picture costs at a resolution. */
export interface Cost {
  /** Multiply-adds of convolutions and matrix products. */
  readonly macs: number;
  /** Median time from pixels to logits, one picture at a time, ms. */
  readonly latency: number;
}

/** Runs before those that count, and those. */
const [WARM_UP, RUNS] = [1, 7];

/** Measures what a picture costs. */
export async function costOf(
  model: Model,
  resolution: number,
  { device, threads }: Pick<SessionOptions, "device" | "threads">,
): Promise<Cost> {
  const size = { resolution, batch: possibleBatch(model, { resolution, batch: 1 }) };
  const session = await openSession(inferenceProgram(model, size), { device, threads });
  try {
    const pixels = new Uint8Array(size.batch * resolution ** 2 * 3).map((_, i) => (i * 7919) % 251);
    const times: number[] = [];
    for (let run = 0; run < WARM_UP + RUNS; run++) {
      const started = performance.now();
      await session.run({ pixels });
      times.push((performance.now() - started) / size.batch);
    }
    const counted = times.slice(WARM_UP).sort((a, b) => a - b);
    return { macs: multiplyAdds(inferenceGraph(model, size)) / size.batch, latency: counted[Math.floor(RUNS / 2)]! };
  } finally {
    await session.dispose();
  }
}
