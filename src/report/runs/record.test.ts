import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError, RequestError } from "../../errors.js";
import { silent } from "../../progress.js";
import { flatSettings, isRun, type RunStart, readRun, recorded, runFile, statusOf } from "./index.js";

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-runs-"));
});
afterAll(() => rm(folder, { recursive: true }));

const start = (name: string): RunStart => ({
  kind: "sweep",
  folder: at(name),
  argv: ["sweep", "m", "--run", name],
  settings: flatSettings({ model: "m", resolutions: [32, 64], test: { cropRatio: 0.875, none: undefined } }),
  model: null,
  files: {},
});
const surroundings = () => ({ progress: silent, signal: new AbortController().signal });

describe("recorded", () => {
  it("tells what runs, while it runs and after", async () => {
    let during = null;
    const found = await recorded(start("done"), surroundings(), async (run) => {
      const task = run.progress.start("resolution 32", 10, "pictures");
      task.advance(4, "half");
      run.epoch({ epoch: 2, loss: 0.5 });
      run.epoch({ epoch: 1, loss: Number.NaN });
      run.epoch({ epoch: 2, top1: 0.25 });
      await new Promise((done) => setTimeout(done, 1500));
      during = await readRun(at("done"));
      task.end();
      return { rows: [1], perClass: [1, 2], confusion: [3] };
    });
    expect(during).toMatchObject({
      status: "running",
      ended: null,
      progress: { task: "resolution 32", done: 4, total: 10, unit: "pictures", detail: "half" },
      epochs: [
        { epoch: 1, loss: null },
        { epoch: 2, loss: 0.5, top1: 0.25 },
      ],
    });
    expect(found.perClass).toEqual([1, 2]);
    expect(await readRun(at("done"))).toMatchObject({
      ...{ format: "fixres-run/1", kind: "sweep", name: "done", status: "done", pid: process.pid, host: hostname() },
      ...{ argv: ["sweep", "m", "--run", "done"], progress: null, error: null },
      settings: { model: "m", resolutions: [32, 64], "test.cropRatio": 0.875 },
      result: { rows: [1] },
    });
    expect((await readRun(at("done"))).result).not.toHaveProperty("perClass");
  });

  it("leaves the record of an earlier run alone where the request is refused", async () => {
    const before = await readFile(runFile(at("done")));
    const refused = recorded(start("done"), surroundings(), async () => {
      throw new RequestError("no");
    });
    await expect(refused).rejects.toThrow("no");
    expect((await readFile(runFile(at("done")))).equals(before)).toBe(true);
  });

  it("tells why a run has ended, in one line, and keeps the epochs of its earlier part", async () => {
    const stopping = new AbortController();
    const run = (error: Error) =>
      recorded(start("ended"), { progress: silent, signal: stopping.signal }, async ({ progress }) => {
        progress.start("work", 1, "parts");
        throw error;
      });
    await expect(run(new Error("first line\nsecond"))).rejects.toThrow();
    expect(await readRun(at("ended"))).toMatchObject({ status: "failed", error: "first line", result: null });
    await recorded(start("ended"), surroundings(), async (one) => {
      one.epoch({ epoch: 1, loss: 3 });
      return {};
    });
    stopping.abort();
    await expect(run(new Error("stopped by Ctrl-C"))).rejects.toThrow();
    expect(await readRun(at("ended"))).toMatchObject({ status: "stopped", epochs: [{ epoch: 1, loss: 3 }] });
  });

  it("goes on where nothing can be recorded, and says so once", async () => {
    await writeFile(at("file"), "");
    const notes: string[] = [];
    const progress = { ...silent, note: (text: string) => notes.push(text) };
    const found = await recorded(
      { ...start("x"), folder: at("file", "run") },
      { ...surroundings(), progress },
      async (run) => {
        run.progress.start("work", 1, "parts").end();
        await new Promise((done) => setTimeout(done, 1200));
        run.epoch({ epoch: 1 });
        return { answer: 42 };
      },
    );
    expect(found).toEqual({ answer: 42 });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain("the run is not recorded: ");
  });

  it("records nothing without a folder", async () => {
    expect(await recorded({ ...start("x"), folder: undefined }, surroundings(), async () => ({ a: 1 }))).toEqual({
      a: 1,
    });
    expect(await isRun(at("x"))).toBe(false);
  });
});

describe("readRun", () => {
  it.each([
    ["half-written", '{"format":"fixres-run/1","kind":"sw', "is not JSON"],
    ["no run", '{"format":"other"}', 'format is "other"'],
    ["empty", "", "is not JSON"],
  ])("says in one line what is wrong: %s", async (name, text, message) => {
    await mkdir(at(name));
    await writeFile(runFile(at(name)), text);
    await expect(readRun(at(name))).rejects.toThrow(DataError);
    await expect(readRun(at(name))).rejects.toThrow(message);
    await expect(readRun(at(name))).rejects.not.toThrow("\n");
  });

  it("counts a run as stopped whose process is gone from this machine", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    const gone = { status: "running", pid: child.pid!, host: hostname() } as const;
    expect(statusOf(gone)).toBe("stopped");
    expect(statusOf({ ...gone, host: `${hostname()}-other` })).toBe("running");
    expect(statusOf({ ...gone, pid: process.pid })).toBe("running");
    expect(statusOf({ ...gone, status: "done" })).toBe("done");
  });
});
