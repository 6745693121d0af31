import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readRun } from "../../src/report/index.js";
import type { RunningUi } from "../../src/ui/index.js";
import { ask, makeRuns, openUi, removed } from "./open.js";

const RUNS = 10_000;
const ROWS = 1_000_000;

let place: Awaited<ReturnType<typeof makeRuns>>;
let ui: RunningUi;
beforeAll(async () => {
  place = await makeRuns();
  const record = await readRun(join(place.runs, "eval"));
  const epochs = Array.from({ length: 30 }, (_, i) => ({ epoch: i + 1, trainLoss: 2 / (i + 1), valTop1: i / 100 }));
  for (let i = 0; i < RUNS; i++) {
    const folder = join(place.runs, `group-${i % 20}`, `run-${i}`);
    const started = new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString();
    const settings = { ...record.settings, "preprocessing.resolution": 192 + 32 * (i % 5) };
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "run.json"), JSON.stringify({ ...record, started, settings, epochs }));
  }
  const large = join(place.runs, "large");
  await mkdir(large);
  const summary = JSON.parse(await readFile(join(place.runs, "eval", "evaluation.json"), "utf8"));
  await writeFile(join(large, "run.json"), JSON.stringify(record));
  await writeFile(
    join(large, "evaluation.json"),
    JSON.stringify({ ...summary, results: { ...summary.results, n: ROWS } }),
  );
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT 'class-' || (i % 3) || '/' || i || '.jpg' AS id, (i % 3)::INT AS label, ((i * 7919) % 5 % 3)::INT AS top1,
       ((i + 1) % 3)::INT AS top2, 0.6 AS probability1, 0.3 AS probability2, ((i * 104729) % 1000003) / 1e5 AS loss,
       (i % 3) = ((i * 7919) % 5 % 3) AS correct, true AS correct5 FROM range(${ROWS}) t(i))
     TO '${join(large, "pictures.parquet").replaceAll("'", "''")}' (FORMAT parquet, ROW_GROUP_SIZE 10000)`,
  );
  connection.closeSync();
  instance.closeSync();
  ui = await openUi(place.runs);
}, 300_000);
afterAll(async () => {
  await ui?.close();
  if (place) await removed(place.folder);
}, 120_000);

const get = async <T>(path: string): Promise<{ took: number; bytes: number; found: T }> => {
  const start = process.cpuUsage();
  const answer = await ask(ui.origin, path, { headers: { authorization: `Bearer ${ui.token}` } });
  expect(answer.status, answer.body.toString().slice(0, 200)).toBe(200);
  // The server is in this process; what else the machine does is not its time.
  const { user, system } = process.cpuUsage(start);
  return { took: (user + system) / 1000, bytes: answer.body.length, found: answer.json<T>() };
};

interface Runs {
  readonly all: number;
  readonly total: number;
  readonly runs: { readonly id: string; readonly name: string }[];
}

it("10,000 runs are listed, searched and sorted in under a second", async () => {
  for (const query of [
    "",
    "?page=150",
    "?text=preprocessing.resolution%3D320",
    "?sort=-top1",
    "?kind=eval&status=done&sort=name",
  ]) {
    // Each with a look at the whole folder, which otherwise holds for a while.
    await new Promise((resolve) => setTimeout(resolve, 600));
    const { took, bytes, found } = await get<Runs>(`/api/runs${query}`);
    expect(found.all).toBe(RUNS + 2);
    expect(found.runs.length, query).toBe(50);
    expect(took, query).toBeLessThan(1000);
    expect(bytes).toBeLessThan(60_000);
  }
  const { found } = await get<Runs>("/api/runs?text=preprocessing.resolution%3D320");
  expect(found.total).toBe(RUNS / 5);
});

it("a server that is started again reads no record anew", async () => {
  await ui.close();
  const start = process.cpuUsage();
  ui = await openUi(place.runs);
  const { user, system } = process.cpuUsage(start);
  expect(ui.runs).toBe(RUNS + 2);
  expect((user + system) / 1e6).toBeLessThan(1.5);
});

it("a million rows are browsed from the file", async () => {
  const { found: list } = await get<Runs>("/api/runs?text=large");
  const rows = `/api/runs/${list.runs.find(({ name }) => name === "large")!.id}/evaluations/0/rows`;
  interface Rows {
    readonly total: number;
    readonly rows: { readonly row: number; readonly loss: number; readonly label: number; readonly correct: boolean }[];
  }
  await get<Rows>(rows);
  const before = process.memoryUsage().rss;
  for (const query of [
    "sort=-loss",
    "sort=loss&page=19999&size=50",
    "outcome=wrong&label=2&sort=-loss",
    "text=77777",
    "sort=place&page=10000",
  ]) {
    const { took, found } = await get<Rows>(`${rows}?${query}`);
    expect(found.rows.length, query).toBeGreaterThan(0);
    expect(took, query).toBeLessThan(4000);
  }
  const { found: worst } = await get<Rows>(`${rows}?outcome=wrong&label=2&sort=-loss&size=20`);
  expect(worst.rows.every(({ label, correct }) => label === 2 && !correct)).toBe(true);
  expect(worst.rows.map(({ loss }) => loss)).toEqual(worst.rows.map(({ loss }) => loss).sort((a, b) => b - a));
  const { found: last } = await get<Rows>(`${rows}?sort=place&page=19999&size=50`);
  expect([last.total, last.rows.at(-1)!.row]).toEqual([ROWS, ROWS - 1]);
  expect(process.memoryUsage().rss - before).toBeLessThan(600 * 2 ** 20);
});
