import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRun, type WrittenReport } from "../src/report/index.js";
import { fixres, makePictures } from "./command.js";

const KINDS = ["train", "tune", "sweep", "sweep-tuned", "eval", "compare"] as const;

let folder: string;
let reports: readonly WrittenReport[];
const at = (...names: string[]): string => join(folder, ...names);

/** Runs a command that must succeed. */
async function done(...args: string[]) {
  const { code, stdout, stderr } = await fixres(args);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-report-"));
  await makePictures(at("pictures"), { classes: 3, train: 8, val: 4 });
  const shared = ["--data", at("pictures"), "--threads", "1", "--json"];
  const net = ["efficientnet_b0", "--width", "0.25", "--depth", "0.25", "--resolution", "32", "--batch-size", "8"];
  await done("train", ...net, "--epochs", "2", ...shared, "--out", at("train"));
  const model = at("train", "model");
  const tuning = [
    "--resolution",
    "48",
    "--epochs",
    "3",
    "--select-on",
    "holdout",
    "--holdout",
    "0.25",
    "--batch-size",
    "8",
  ];
  await done("tune", model, ...tuning, ...shared, "--out", at("tune"));
  await done("sweep", model, "--resolutions", "32,48", ...shared, "--run", at("sweep"));
  const sweepTuning = ["--tune", "--epochs", "2", "--holdout", "0.25", "--batch-size", "8", "--resolutions", "32,48"];
  await done("sweep", model, ...sweepTuning, ...shared, "--run", at("sweep-tuned"));
  await done("eval", model, ...shared, "--out", at("eval"));
  const compared = ["before", "after"].map((when) => at("tune", "evaluations", when));
  await done("compare", ...compared, "--json", "--run", at("compare"));
  ({ reports } = await done("report", ...KINDS.map((kind) => at(kind)), "--figures", at("figures"), "--json"));
}, 180_000);
afterAll(() => rm(folder, { recursive: true }));

const COST = ["accuracy-multiply-adds", "accuracy-parameters"];
const ROWS = ["confusion-counts", "confusion-shares", "confused-pairs"];

describe("report", () => {
  it.each([
    ["train", ["resolution", ...COST, "loss", "accuracy", "object-sizes"]],
    [
      "tune",
      ["resolution", ...COST, "loss", "accuracy", "object-sizes", ...ROWS, "reliability-before", "reliability-after"],
    ],
    ["sweep", ["resolution", ...COST, "object-sizes"]],
    ["sweep-tuned", ["resolution", ...COST, "object-sizes"]],
    ["eval", ["resolution", ...COST, "object-sizes", ...ROWS, "reliability"]],
    ["compare", ["resolution", "accuracy-parameters"]],
  ])("of %s has the figures that it has data for", async (kind, names) => {
    const record = await readRun(at(kind));
    expect(record).toMatchObject({ kind: kind.replace("-tuned", ""), name: kind, status: "done", progress: null });
    const report = reports[(KINDS as readonly string[]).indexOf(kind)]!;
    expect(report.html).toBe(at(kind, "report.html"));
    expect(report.figures.map(({ name }) => name)).toEqual(names);
    expect((await readdir(at("figures", kind))).sort()).toEqual(
      names.flatMap((name) => [".png", ".svg", "-dark.png", "-dark.svg"].map((end) => `${name}${end}`)).sort(),
    );
    const html = await readFile(report.html, "utf8");
    expect(Buffer.byteLength(html)).toBe(report.bytes);
    for (const name of names) expect(html).toContain(`<figure id="${name}"`);
    for (const { title, why } of report.absent) expect(html).toContain(`<li>${title}: ${why}`);
    expect(html).not.toMatch(/<script|https?:|url\(/);
  });

  it("shows the pictures of an evaluation, and leaves them out where it is asked to or they are gone", async () => {
    expect(await readFile(at("eval", "report.html"), "utf8")).toContain('<img src="data:image/webp;base64,');
    await done("report", at("eval"), "--no-pictures", "--out", at("plain.html"), "--json");
    expect(await readFile(at("plain.html"), "utf8")).not.toContain("<img");
    const gone = await done("report", at("eval"), "--data", at("gone"), "--out", at("gone.html"), "--json");
    expect(gone.reports[0].notes).toEqual([expect.stringContaining("pictures are not shown: ")]);
  });

  it("has what train has measured, epoch by epoch, in its record", async () => {
    const { epochs, result, settings, model } = await readRun(at("train"));
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    const [first] = (result as { epochs: { trainLoss: number; val: { top1: number } }[] }).epochs;
    expect(epochs[0]).toMatchObject({ trainLoss: first!.trainLoss, valTop1: first!.val.top1 });
    expect(settings).toMatchObject({ batchSize: 8, epochs: 2, "test.resolution": 32, data: at("pictures") });
    expect(model).toMatchObject({ arch: "efficientnet_b0", classes: 3, trainResolution: 32 });
  });

  it("takes no one file for several runs", async () => {
    const two = await fixres(["report", at("sweep"), at("compare"), "--out", at("x.html")]);
    expect(two).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--out names one file, but there are 2 runs"),
    });
  });

  it("says in one line what is wrong with a run", async () => {
    const none = await fixres(["report", at("pictures")]);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("holds no run.json") });
    await writeFile(at("compare", "run.json"), (await readFile(at("compare", "run.json"), "utf8")).slice(0, 200));
    const half = await fixres(["report", at("compare")]);
    expect(half.code).toBe(2);
    expect(half.stderr).toMatch(/^fixres: run ".*run\.json" is not JSON: [^\n]*\n$/);
  });
});

it("a run that was killed counts as stopped, and goes on by its own arguments", async () => {
  const args = ["train", "efficientnet_b0", "--width", "0.25", "--depth", "0.25", "--resolution", "32"];
  const all = [...args, "--epochs", "3", "--batch-size", "8", "--data", at("pictures"), "--out", at("killed")];
  const killed = await fixres(all, { kill: "epoch 2/3" });
  expect(killed.code).toBeNull();
  const stopped = await readRun(at("killed"));
  expect(stopped).toMatchObject({ status: "stopped", kind: "train", argv: all, ended: null });
  const { code } = await fixres(stopped.argv);
  expect(code).toBe(0);
  const whole = await readRun(at("killed"));
  expect(whole.status).toBe("done");
  expect(whole.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
});
