import type { BadPicture, Source } from "../../data/index.js";
import type { Scored } from "../details.js";
import type { Scores, Truth } from "../metrics.js";

/** How one picture came out. */
export interface Row {
  /** Its name in its source. */
  readonly id: string;
  /** Its class by its folder. */
  readonly label: number;
  /** The likeliest classes, best first, and their probabilities. */
  readonly top: readonly number[];
  readonly probability: readonly number[];
  readonly loss: number;
  /** Whether the likeliest is right, and whether one of the five likeliest is. */
  readonly correct: boolean;
  readonly correct5: boolean;
}

/** The rows of scored pictures. */
export function rowsOf(
  { samples: all }: Pick<Source, "samples">,
  { scores, samples }: Pick<Scored, "scores" | "samples">,
): Row[] {
  const count = samples.length;
  const kept = count === 0 ? 0 : scores.top.length / count;
  return Array.from(samples, (sample, i) => ({
    id: all[sample]!.name,
    label: all[sample]!.label,
    top: [...scores.top.subarray(i * kept, (i + 1) * kept)],
    probability: [...scores.probability.subarray(i * kept, (i + 1) * kept)],
    loss: scores.loss[i]!,
    correct: scores.top1[i] === 1,
    correct5: scores.top5[i] === 1,
  }));
}

/** The other way. @param indexOf - place of each name in the source  @param truth - right answers, where those are not the labels */
export function scoredOf(
  rows: readonly Row[],
  indexOf: ReadonlyMap<string, number>,
  { truth, bad, end }: { truth?: readonly Truth[]; bad: readonly BadPicture[]; end: number },
): Scored {
  const samples = Int32Array.from(rows, ({ id }) => indexOf.get(id)!);
  const scores: Scores = {
    truth: rows.map(({ label }, i) => truth?.[samples[i]!] ?? label),
    top1: Uint8Array.from(rows, ({ correct }) => Number(correct)),
    top5: Uint8Array.from(rows, ({ correct5 }) => Number(correct5)),
    loss: Float64Array.from(rows, ({ loss }) => loss),
    prediction: Int32Array.from(rows, ({ top }) => top[0]!),
    top: Int32Array.from(rows.flatMap(({ top }) => top)),
    probability: Float64Array.from(rows.flatMap(({ probability }) => probability)),
  };
  return { scores, samples, bad, end };
}
