/**
 * Evaluations that are kept. In: a model, a source and options. Out: a directory with what the evaluation rests on and a row a
 * picture, which a run that was stopped goes on from and comparisons read.
 *
 * @module
 */
export { dataFingerprint, headDifferences, RecordHead, recordHead } from "./head.js";
export { readRows, writeRows } from "./parquet.js";
export { type EvaluationRecord, evaluateInto, evaluateRecord, isRecord, readRecord, saveRecord } from "./record.js";
export type { Row } from "./rows.js";
export { openTable, type Table, type TableForm, writeTable } from "./table.js";
