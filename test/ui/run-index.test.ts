import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { leaveRun } from "../../src/report/findings/record.testing.js";
import { openRunIndex } from "../../src/ui/server/run-index.js";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fixres-run-index-"));
});
afterAll(() => rm(root, { recursive: true }));

it("knows the accuracy that each kind of run came to", async () => {
  const at = (top1: number) => ({ top1, n: 10 });
  const runs = {
    eval: { kind: "eval", result: at(0.5) },
    tune: { kind: "tune", result: { before: 0.4, after: 0.6 } },
    train: { kind: "train", result: { best: { epoch: 2, top1: 0.7 } } },
    // The last round, not the best: nothing is chosen by the validation.
    students: { kind: "train", result: { rounds: [{ val: at(0.9) }, { val: at(0.8) }] } },
    round: { kind: "train", result: { round: 1, val: at(0.3) } },
    sweep: { kind: "sweep", result: { rows: [at(0.1), at(0.2)] } },
    "sweep-tuned": { kind: "sweep", result: { rows: [{ before: at(0.9), after: at(0.65) }] } },
    running: { kind: "train", result: null, epochs: [{ epoch: 1, valTop1: 0.25 }] },
  } as const;
  for (const [name, own] of Object.entries(runs)) await leaveRun(join(root, name), own as never);
  const found = await openRunIndex(root).list();
  expect(Object.fromEntries(found.map(({ summary }) => [summary.name, summary.top1]))).toEqual({
    ...{ eval: 0.5, tune: 0.6, train: 0.7, students: 0.8, round: 0.3, sweep: 0.2, "sweep-tuned": 0.65, running: 0.25 },
  });
});

it("lists no file that is not the record of a run", async () => {
  const folder = join(root, "others");
  const whole = JSON.parse(await readFile(join(root, "eval", "run.json"), "utf8"));
  const others = {
    empty: "",
    text: "[]",
    other: "{}",
    settings: { ...whole, settings: 1 },
    kind: { ...whole, kind: "x" },
  };
  for (const [name, text] of Object.entries(others)) {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, "run.json"), typeof text === "string" ? text : JSON.stringify(text));
  }
  expect(await openRunIndex(folder).list()).toEqual([]);
});
