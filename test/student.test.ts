import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { readRun } from "../src/report/index.js";
import { fixres } from "./command.js";
import { done, SMALL, students, withStudents } from "./students.js";

const at = withStudents();

describe("students by rounds", () => {
  it("leave their labels, models and evaluations, which can be compared", async () => {
    const summary = JSON.parse(await readFile(at("whole", "rounds.json"), "utf8"));
    expect(summary.rounds).toHaveLength(2);
    const [{ taught }] = summary.rounds;
    expect(taught.leaked).toHaveLength(12);
    expect([taught.labelled, taught.bad]).toEqual([60, 1]);
    const present = Object.values(taught.classes as Record<string, { passed: number; places: number }>);
    expect(present.reduce((sum, { passed }) => sum + passed, 0)).toBe(48);
    for (const { passed, places } of present) expect(places).toBe(passed === 0 ? 0 : taught.perClass);
    const { provenance } = JSON.parse(await readFile(at("whole", "round-2", "model", "model.json"), "utf8"));
    expect(provenance.at(-1)).toMatchObject({
      what: "trained",
      student: { unlabelledRatio: 3, threshold: 0.2, pseudoLabels: "soft" },
    });
    const folders = ["teacher", "round-1", "round-2"].map((name) => at("whole", name, "evaluation"));
    const { stdout } = await done("compare", ...folders, "--json");
    expect(JSON.parse(stdout).pairs).toHaveLength(2);
  });

  it("leave a record of the series, and one of each round", async () => {
    const series = await readRun(at("whole"));
    expect(series).toMatchObject({ kind: "train", status: "done", progress: null });
    expect(series.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(series.settings).toMatchObject({ "student.rounds": 2, "student.teacher": at("teacher", "model"), seed: 0 });
    const { teacher, rounds } = series.result as { teacher: object; rounds: { taught: object }[] };
    expect(teacher).toMatchObject({ val: { n: 12 } });
    expect(rounds.map(({ taught }) => taught)).toEqual([
      expect.objectContaining({ leaked: 12 }),
      expect.objectContaining({ leaked: 12 }),
    ]);
    const second = await readRun(at("whole", "round-2"));
    expect(second).toMatchObject({ status: "done", settings: { round: 2, seed: 1 }, result: { round: 2 } });
    expect(second.epochs).toEqual(series.epochs.slice(2).map((own) => ({ ...own, epoch: own.epoch - 2 })));
    const { stdout } = await done("report", at("whole"), "--no-pictures", "--json");
    const [report] = JSON.parse(stdout).reports;
    const names = report.figures.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(["resolution", "loss", "accuracy", "confusion-counts"]));
  }, 60_000);

  it("begin by labels that were made before, in parts", async () => {
    const label = (part: string, out: string) =>
      done(
        ...["label", at("teacher", "model"), "--unlabelled", at("unlabelled"), "--shard", part, "--out", out],
        ...["--on-bad-image", "skip", "--threads", "1"],
      );
    await label("1/2", at("part-1.parquet"));
    await label("2/2", at("part-2.parquet"));
    const parts = [at("part-2.parquet"), at("part-1.parquet")];
    const { stdout } = await done("label", "--join", ...parts, "--out", at("labels.parquet"), "--json");
    const { n, bad, passed, classes } = JSON.parse(stdout);
    expect([n, bad.length, passed]).toEqual([60, 1, 60]);
    expect(Object.keys(classes)).toEqual(["class-0000", "class-0001", "class-0002"]);
    const out = at("by-file");
    const args = students(at(), out, "--label-file", at("labels.parquet"), "--rounds", "1");
    args.splice(args.indexOf("--teacher"), 2);
    await done(...args);
    const weights = (run: string) => readFile(at(run, "round-1", "model", "weights.safetensors"));
    expect((await weights("by-file")).equals(await weights("whole"))).toBe(true);
  }, 120_000);
});

it("more rounds go on from the last, by --resume too", async () => {
  const rounds = async () => JSON.parse(await readFile(at("by-file", "config.json"), "utf8")).student.rounds;
  expect(await rounds()).toBe(1);
  const args = students(at(), at("by-file"), "--label-file", at("labels.parquet"));
  args.splice(args.indexOf("--teacher"), 2);
  await done(...args);
  expect(await rounds()).toBe(2);
  const { stdout } = await done("train", "--resume", at("by-file"), "--threads", "1", "--json");
  expect(JSON.parse(stdout).rounds).toHaveLength(2);
}, 120_000);

it("a run without a teacher does not take their place", async () => {
  const before = await readFile(at("whole", "config.json"), "utf8");
  const { code, stderr } = await fixres([...SMALL, "--data", at("pictures"), "--out", at("whole")]);
  expect(code, stderr).toBe(2);
  expect(stderr).toContain("holds students and their teacher");
  expect(await readFile(at("whole", "config.json"), "utf8")).toBe(before);
});

it.each([
  [["--teacher", "x"], "there are no pictures for a teacher to label; give --unlabelled too"],
  [["--unlabelled", "x"], "there is nobody who labels the pictures; give --teacher, or --label-file"],
  [["--unlabelled", "x", "--teacher", "y", "--label-file", "z"], "both label the pictures; give one of them"],
  [["--recipe", "noisy-student"], "3 unlabelled pictures are asked for with each labelled one; give --teacher and"],
  [["--unlabelled", "x", "--teacher", "y"], "no unlabelled pictures are asked for in a batch; give --recipe noisy"],
  [["--threshold", "1.5"], "Give a number from 0 to below 1"],
  [["--balance", "some"], "Allowed choices are both, cut, repeat, none"],
])("train refuses %j", async (args, message) => {
  const { code, stderr } = await fixres([...SMALL, "--data", at("pictures"), "--out", at("never"), ...args]);
  expect(code, stderr).toBe(2);
  expect(stderr).toContain(message);
});

it.each([
  ["--freeze", "blocks.9"],
  ["--recompute", "blocks.9"],
  ["--accumulate", "1000"],
])("a request that cannot be is refused before anything is labelled: %s %s", async (...args) => {
  const { code, stderr } = await fixres(students(at(), at("never-begun"), ...args));
  expect(code, stderr).toBe(2);
  await expect(readFile(at("never-begun", "config.json"))).rejects.toThrow("ENOENT");
});

it.each([
  [[], "there is no teacher; give a model, or files to --join"],
  [["x"], "there are no pictures to label; give --unlabelled"],
  [["x", "--join", "y"], "--join labels nothing; leave out the teacher"],
  [["x", "--shard", "3/2"], "Give a part and how many there are, such as 1/4"],
])("label refuses %j", async (args, message) => {
  const { code, stderr } = await fixres(["label", "--out", at("never.parquet"), ...args]);
  expect(code, stderr).toBe(2);
  expect(stderr).toContain(message);
});
