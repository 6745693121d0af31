import { DataError, RequestError } from "../errors.js";
import {
  BOOTSTRAP_DEFAULTS,
  type BootstrapOptions,
  type Difference,
  type Outcomes,
  pairedBootstrap,
} from "./bootstrap.js";
import { calibration } from "./calibration.js";
import { baseName, type PublishedRow, publishedResults } from "./published.js";
import type { EvaluationRecord, RecordHead, Row } from "./records/index.js";
import { type PairedGain, pairedGain } from "./statistics.js";
import { type Accuracy, tally } from "./tally.js";

/** One evaluation in a table. */
export interface MeasuredRow extends Accuracy {
  readonly kind: "measured";
  readonly model: string;
  readonly ece: number;
  readonly head: RecordHead;
}

/** How two evaluations differ, the second less the first, with p-values adjusted for the number of pairs. */
export interface ComparedPair {
  readonly first: string;
  readonly second: string;
  readonly top1: PairedGain & { readonly adjusted: number };
  readonly top5: Difference & { readonly adjusted: number };
  readonly loss: Difference & { readonly adjusted: number };
  readonly ece: Difference & { readonly adjusted: number };
}

export interface Comparison {
  /** Pictures that all evaluations scored. */
  readonly n: number;
  readonly rows: readonly MeasuredRow[];
  readonly published: readonly (PublishedRow & { readonly kind: "published" })[];
  readonly pairs: readonly ComparedPair[];
  readonly notes: readonly string[];
}

export interface CompareOptions extends Partial<BootstrapOptions> {
  /** Whether each is compared with the first one (unless given), or each with each. */
  readonly pairs?: "first" | "all";
  /** Published rows beside them: of the same architectures (unless given), all, or none. */
  readonly published?: "same" | "all" | "none";
}

/**
 * Compares evaluations of the same pictures, matched by name: top-1 by McNemar's exact test with Newcombe's interval (`pairedGain`),
 * top-5, loss and calibration error by `pairedBootstrap`; p-values adjusted by Holm's method over the pairs, each measure by itself.
 * @throws {DataError} where they are not of the same pictures with the same labels, saying what differs
 * @throws {RequestError} where there is nothing to compare
 */
export function compare(records: readonly EvaluationRecord[], options: CompareOptions = {}): Comparison {
  const { resamples = BOOTSTRAP_DEFAULTS.resamples, seed = BOOTSTRAP_DEFAULTS.seed } = options;
  const [first, ...others] = records;
  if (first === undefined) throw new RequestError("there is nothing to compare; give a record or more.");
  for (const other of others) assertSameData(first, other);
  const { rows: aligned, notes } = commonRows(records);
  const outcomes = aligned.map(outcomesOf);
  const rows = records.map((record, i) => measured(record, outcomes[i]!));
  const indices = records.flatMap((_, a) => records.slice(a + 1).map((__, k) => [a, a + 1 + k] as const));
  const chosen = options.pairs === "all" ? indices : indices.filter(([a]) => a === 0);
  const differences = chosen.length === 0 ? [] : pairedBootstrap(outcomes, chosen, { resamples, seed });
  const gains = chosen.map(([a, b]) => pairedGain(outcomes[a]!.correct, outcomes[b]!.correct));
  const adjusted = {
    top1: holm(gains.map(({ pValue }) => pValue)),
    top5: holm(differences.map(({ top5 }) => top5.pValue)),
    loss: holm(differences.map(({ loss }) => loss.pValue)),
    ece: holm(differences.map(({ ece }) => ece.pValue)),
  };
  const pairs = chosen.map(([a, b], i): ComparedPair => {
    const { top5, loss, ece } = differences[i]!;
    return {
      first: records[a]!.name,
      second: records[b]!.name,
      top1: { ...gains[i]!, adjusted: adjusted.top1[i]! },
      top5: { ...top5, adjusted: adjusted.top5[i]! },
      loss: { ...loss, adjusted: adjusted.loss[i]! },
      ece: { ...ece, adjusted: adjusted.ece[i]! },
    };
  });
  return { n: aligned[0]!.length, rows, published: publishedBeside(rows, options.published ?? "same"), pairs, notes };
}

/** What two evaluations of different data differ in, by what the user can see. */
function assertSameData(a: EvaluationRecord, b: EvaluationRecord): void {
  const fail = (what: string): never => {
    throw new DataError(`"${a.name}" and "${b.name}" are not of the same data: ${what}. Evaluate both on the same.`);
  };
  const [one, two] = [a.head.data, b.head.data];
  if (one.labels !== two.labels) {
    const named = { folders: "the classes of folders", real: "ReaL labels" } as const;
    fail(`the first is scored by ${named[one.labels]}, the second by ${named[two.labels]}`);
  }
  if (one.fingerprint.classes !== two.fingerprint.classes) fail("their classes differ");
  if (one.fingerprint.names === two.fingerprint.names) {
    if (one.fingerprint.labels !== two.fingerprint.labels) fail(labelThatDiffers(a, b) ?? "the right answers differ");
    return;
  }
  if (one.pictures !== two.pictures) {
    const only = firstMissing(a, b) ?? firstMissing(b, a);
    fail(`${one.pictures} and ${two.pictures} pictures${only === undefined ? "" : `, such as "${only}" in one alone`}`);
  }
  const missing = firstMissing(a, b);
  if (missing !== undefined) fail(`the second has no picture "${missing}"`);
  const label = labelThatDiffers(a, b);
  if (label !== undefined) fail(label);
}

function firstMissing(from: EvaluationRecord, of: EvaluationRecord): string | undefined {
  const ids = new Set(of.rows.map(({ id }) => id));
  return from.rows.find(({ id }) => !ids.has(id))?.id;
}

function labelThatDiffers(a: EvaluationRecord, b: EvaluationRecord): string | undefined {
  const labels = new Map(b.rows.map(({ id, label }) => [id, label]));
  const row = a.rows.find(({ id, label }) => labels.has(id) && labels.get(id) !== label);
  return row === undefined
    ? undefined
    : `"${row.id}" has label ${row.label} in the first and ${labels.get(row.id)} in the second`;
}

/** The rows of the pictures that all have, in the order of the first. */
function commonRows(records: readonly EvaluationRecord[]): { rows: Row[][]; notes: string[] } {
  const maps = records.map(({ rows }) => new Map(rows.map((row) => [row.id, row])));
  const ids = records[0]!.rows.map(({ id }) => id).filter((id) => maps.every((map) => map.has(id)));
  if (ids.length === 0) throw new DataError("the evaluations have no picture in common; evaluate both on the same.");
  const notes = records.flatMap(({ name, rows }) =>
    rows.length === ids.length
      ? []
      : [`${rows.length - ids.length} pictures of "${name}" are left out, which not all evaluations could read`],
  );
  return { rows: maps.map((map) => ids.map((id) => map.get(id)!)), notes };
}

const outcomesOf = (rows: readonly Row[]): Outcomes => ({
  correct: Uint8Array.from(rows, ({ correct }) => Number(correct)),
  correct5: Uint8Array.from(rows, ({ correct5 }) => Number(correct5)),
  loss: Float64Array.from(rows, ({ loss }) => loss),
  confidence: Float64Array.from(rows, ({ probability }) => probability[0]!),
});

function measured({ name, head }: EvaluationRecord, { correct, correct5, loss, confidence }: Outcomes): MeasuredRow {
  const sums = tally();
  sums.add({ top1: correct, top5: correct5, loss });
  const trust = calibration();
  for (const [i, value] of confidence.entries()) trust.add(value, correct[i]!);
  return { kind: "measured", model: name, ...sums.result(), ece: trust.result().ece, head };
}

/**
 * Holm's adjustment: the i-th smallest of m p-values times m - i + 1, never below an earlier one and at most 1 (Holm 1979,
 * Scandinavian Journal of Statistics 6, 65-70).
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length);
  let least = 0;
  for (const [rank, i] of order.entries()) {
    least = Math.max(least, Math.min(1, pValues[i]! * (pValues.length - rank)));
    adjusted[i] = least;
  }
  return adjusted;
}

/** Published rows of the data that was measured, or of ImageNet's validation set where it is other data. */
function publishedBeside(rows: readonly MeasuredRow[], which: "same" | "all" | "none"): Comparison["published"] {
  if (which === "none") return [];
  const protocol = rows[0]!.head.data.protocol ?? "imagenet-val";
  const archs = new Set(rows.map(({ head }) => baseName(head.model.arch)));
  return publishedResults()
    .filter((row) => row.protocol === protocol && (which === "all" || archs.has(row.arch)))
    .map((row) => ({ kind: "published" as const, ...row }));
}
