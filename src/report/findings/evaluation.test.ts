import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../../errors.js";
import { random } from "../../random.js";
import { evaluationFindings, runFindings } from "./index.js";
import { leaveRecord, leaveRun, row } from "./record.testing.js";

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-findings-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("evaluationFindings", () => {
  it("gathers cells with their worst pictures, pairs, calibration and the worst losses", async () => {
    const rows = [
      ...Array.from({ length: 20 }, (_, i) => row(`a/${i}`, 0, 1, i / 10, 0.9)),
      ...[row("b/0", 1, 1, 0.1, 0.95), row("c/0", 2, 0, 9, 0.6), row("c/1", 2, 2, 0.2, 0.8)],
    ];
    await leaveRecord(at("small"), ["a", "b", "c"], rows);
    const found = await evaluationFindings(at("small"), "after");
    expect(found).toMatchObject({ name: "after", n: 23, classes: ["a", "b", "c"] });
    expect(found.matrix.shown).toEqual([0, 1, 2]);
    expect(found.matrix.sizes).toEqual([20, 1, 2]);
    const cell = found.matrix.cells.find(({ label, predicted }) => label === 0 && predicted === 1)!;
    expect(cell.count).toBe(20);
    expect(cell.pictures.map(({ id }) => id)).toEqual(Array.from({ length: 12 }, (_, i) => `a/${19 - i}`));
    expect(found.mostConfused[0]).toEqual({ label: "a", predicted: "b", count: 20, n: 20 });
    expect(found.worst.slice(0, 2).map(({ id }) => id)).toEqual(["c/0", "a/19"]);
    expect(found.worst.every(({ label, predicted }) => label !== predicted)).toBe(true);
    const bin = found.calibration.bins.find(({ low, high }) => low < 0.9 && high >= 0.9)!;
    expect(bin).toMatchObject({ n: 20, accuracy: 0, confidence: expect.closeTo(0.9) });
  });

  it("draws of many classes those that are confused most", async () => {
    const stream = random(3, "rows");
    const classes = Array.from({ length: 300 }, (_, i) => String(i));
    const rows = Array.from({ length: 3000 }, (_, i) => row(String(i), i % 300, i % 300, stream.uniform()));
    for (let i = 0; i < 8; i++) rows.push(row(`wrong ${i}`, 250, 17, 5));
    await leaveRecord(at("many"), classes, rows);
    const { matrix } = await evaluationFindings(at("many"), "evaluation");
    expect(matrix.shown).toHaveLength(30);
    expect(matrix.shown).toEqual(expect.arrayContaining([17, 250]));
    expect(matrix.shown).toEqual([...matrix.shown].sort((a, b) => a - b));
    expect(matrix.cells.find(({ label, predicted }) => label === 250 && predicted === 17)!.count).toBe(8);
  });

  it("leaves pictures without a class out of the matrix, not out of the calibration", async () => {
    await leaveRecord(at("real"), ["a", "b"], [{ ...row("x", -1, 1, 0.3, 0.7), correct: true }]);
    const found = await evaluationFindings(at("real"), "evaluation");
    expect(found.matrix.cells).toEqual([]);
    expect(found.calibration.bins.reduce((sum, { n }) => sum + n, 0)).toBe(1);
  });

  it.each([
    ["label", row("x", 7, 0, 1)],
    ["prediction", row("x", 0, 7, 1)],
  ])("refuses a %s that is no class", async (name, bad) => {
    await leaveRecord(at(name), ["a", "b"], [bad]);
    await expect(evaluationFindings(at(name), "evaluation")).rejects.toThrow(DataError);
    await expect(evaluationFindings(at(name), "evaluation")).rejects.toThrow("but only 2 classes");
  });
});

describe("runFindings", () => {
  it.each(["/etc", "../elsewhere", "a/../../b"])(
    "does not follow a record out of the run's folder: %s",
    async (path) => {
      await leaveRun(at("led"), { files: { evaluation: path } });
      await expect(runFindings(at("led"))).rejects.toThrow(DataError);
      await expect(runFindings(at("led"))).rejects.toThrow("names a file outside of it");
    },
  );

  it("says why there are no pictures, and goes on", async () => {
    await leaveRun(at("moved"), { settings: { data: "gone" }, cwd: at("nowhere") });
    const { notes, thumbnails, sizes } = await runFindings(at("moved"));
    expect(thumbnails.size).toBe(0);
    expect(notes).toEqual([expect.stringContaining(`"${at("nowhere", "gone")}" does not exist`)]);
    expect(sizes).toEqual({ why: notes[0] });
  });

  it("says what is missing", async () => {
    await expect(runFindings(at("none"))).rejects.toThrow("holds no run.json; give the folder of a run");
  });
});
