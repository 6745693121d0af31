import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Row, writeRows } from "../../evaluate/index.js";
import { type RunRecord, writeRun } from "../runs/index.js";

const HASH = "0".repeat(64);

/** Leaves the record of an evaluation of these rows in a folder. */
export async function leaveRecord(folder: string, classes: readonly string[], rows: readonly Row[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  async function* parts() {
    for (let i = 0; i < rows.length; i += 1000) yield rows.slice(i, i + 1000);
  }
  await writeRows(join(folder, "pictures.parquet"), parts(), rows[0]!.top.length, {});
  const head = {
    format: "fixres-evaluation-1",
    versions: { fixres: "0", node: "20", engine: "-" },
    model: { name: "m", arch: "efficientnet_b0", parameters: 5_288_548, fingerprint: HASH },
    data: {
      ...{ name: "d", pictures: rows.length, labels: "folders", protocol: null },
      fingerprint: { classes: HASH, names: HASH, labels: HASH },
    },
    settings: {
      ...{ resolution: 224, cropRatio: 0.875, interpolation: "bicubic", cropMode: "center" },
      ...{ mean: [0, 0, 0], std: [1, 1, 1], batchSize: 1, device: "cpu", threads: null, onBadImage: "fail" },
    },
  };
  const summary = { ...head, classes, results: { n: rows.length, bad: [] } };
  await writeFile(join(folder, "evaluation.json"), JSON.stringify(summary));
}

/** Leaves the record of a run in a folder. */
export async function leaveRun(folder: string, own: Partial<RunRecord>): Promise<void> {
  await mkdir(folder, { recursive: true });
  const now = "2026-01-02T03:04:05.000Z";
  await writeRun(folder, {
    ...{ format: "fixres-run/1", kind: "eval", name: "a run", started: now, updated: now, ended: now, status: "done" },
    ...{ pid: 1, host: "elsewhere", version: "0", argv: ["eval", "m"], cwd: "/", settings: {} },
    model: {
      ...{ arch: "efficientnet_b0", classes: 1000, parameters: 5_288_548, trainResolution: 224 },
      macs: [{ resolution: 224, macs: 3.9e8 }],
    },
    ...{ progress: null, epochs: [], result: null, error: null, files: {} },
    ...own,
  });
}

/** A row of one picture: what it is and what it was taken for. */
export const row = (id: string, label: number, predicted: number, loss: number, probability = 0.5): Row => ({
  ...{ id, label, top: [predicted], probability: [probability], loss },
  ...{ correct: label === predicted, correct5: label === predicted },
});
