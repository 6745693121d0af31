import { DataError } from "../errors.js";
import type { Truth } from "./metrics.js";
import type { Labelled } from "./real.js";
import type { EvaluationRecord, Row } from "./records/index.js";
import { type Interval, wilson } from "./statistics.js";

/** Accuracy without a loss, which a record's few probabilities cannot give under other answers. */
export interface Rescored {
  readonly top1: number;
  readonly top5: number;
  readonly n: number;
  /** Wilson's 95% interval of `top1`. */
  readonly ci95: Interval;
  /** Whether the likeliest class was right, by the names of pictures. */
  readonly correct: ReadonlyMap<string, boolean>;
}

/** A record's pictures by its own answers. @throws {DataError} where it has none */
export const scoresOf = (record: Pick<EvaluationRecord, "name" | "rows">): Rescored =>
  summed(record, (row) => [row.correct, row.correct5]);

/**
 * A record's pictures under other right answers, such as ReaL's, without computing anything anew; those that have none are left out.
 * @throws {DataError} where none of its pictures has one
 */
export function rescored(
  record: Pick<EvaluationRecord, "name" | "rows">,
  { source, truth }: Pick<Labelled, "source" | "truth">,
): Rescored {
  const answers = new Map<string, Truth>(Array.from(source.samples, ({ name }, i) => [name, truth[i]!]));
  return summed(record, ({ id, top }) => {
    const right = answers.get(id);
    if (right === undefined) return null;
    const isRight = (label: number): boolean => (typeof right === "number" ? label === right : right.includes(label));
    return [isRight(top[0]!), top.some(isRight)];
  });
}

function summed(
  { name, rows }: Pick<EvaluationRecord, "name" | "rows">,
  judge: (row: Row) => readonly [correct: boolean, correct5: boolean] | null,
): Rescored {
  const correct = new Map<string, boolean>();
  let [right, right5] = [0, 0];
  for (const row of rows) {
    const judged = judge(row);
    if (judged === null) continue;
    correct.set(row.id, judged[0]);
    right += Number(judged[0]);
    right5 += Number(judged[1]);
  }
  const n = correct.size;
  if (n === 0) throw new DataError(`the evaluation "${name}" has no picture that can be scored.`);
  return { top1: right / n, top5: right5 / n, n, ci95: wilson(right, n), correct };
}
