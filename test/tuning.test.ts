import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";

let directory: string;
let data: string;
const at = (...names: string[]): string => join(directory, ...names);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-tuning-"));
  data = at("pictures");
  await makePictures(data, { classes: 10, train: 12, val: 5 });
  const small = ["efficientnet_b0", "--width", "0.25", "--depth", "0.25"];
  const training = ["--resolution", "32", "--epochs", "2", "--batch-size", "20", "--threads", "1"];
  const trained = await fixres(["train", ...small, "--data", data, ...training, "--out", at("run")]);
  expect(trained.code, trained.stderr).toBe(0);
}, 120_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

describe("the method on colour pictures of ten classes", () => {
  it("keeps the authors' transform with what was tuned with it, and mixes it with no other", async () => {
    const out = at("tuned-official");
    const args = ["--data", data, "--resolution", "32", "--epochs", "1", "--threads", "1"];
    const official = ["--transform", "fixres-official", "--out", out];
    const tuned = await fixres(["tune", at("run", "model"), ...args, ...official, "--json"]);
    expect(tuned.code, tuned.stderr).toBe(0);
    expect(JSON.parse(await readFile(join(out, "model.json"), "utf8")).input).toMatchObject({
      transform: "fixres-official",
      interpolation: "bilinear",
    });
    const evaluated = await fixres(["eval", out, "--data", data, "--json", "--threads", "1"]);
    expect(evaluated.stderr).toContain("bilinear, center, fixres-official;");
    expect(JSON.parse(evaluated.stdout).top1).toBe(JSON.parse(tuned.stdout).after);
    const mixed = await fixres(["eval", out, "--data", data, "--transform", "standard"]);
    expect(mixed.code).toBe(2);
    expect(mixed.stderr).toContain("was tuned with the transform fixres-official, and a test with standard would mix");
  });

  it.each(["classifier", "classifier+bn-stats", "classifier+bn", "head", "last:1", "all"])(
    "tunes: %s",
    async (mode) => {
      const out = at(`tuned-${mode}`);
      const args = ["--data", data, "--resolution", "48", "--epochs", "3", "--threads", "1"];
      const tuned = await fixres(["tune", at("run", "model"), ...args, "--tune", mode, "--out", out, "--json"]);
      expect(tuned.code, tuned.stderr).toBe(0);
      const { before, after, gain, pValue, ci95, seconds, cache, model, gained, lost } = JSON.parse(tuned.stdout);
      expect(gain).toBeCloseTo(after - before, 12);
      expect(gain).toBeCloseTo((gained - lost) / 50, 12);
      expect(pValue).toBeGreaterThan(0);
      expect(ci95[0]).toBeLessThanOrEqual(gain);
      expect(ci95[1]).toBeGreaterThanOrEqual(gain);
      expect(seconds).toBeGreaterThan(0);
      expect(cache).toMatchObject({ where: "disk", bytes: expect.any(Number) });
      const evaluated = await fixres(["eval", model, "--data", data, "--json", "--threads", "1"]);
      // The tuned model carries its resolution, so that a plain eval gives what tune measured.
      expect(JSON.parse(evaluated.stdout)).toMatchObject({ top1: after, n: 50, preprocessing: { resolution: 48 } });
      for (const [name, top1] of Object.entries({ before, after })) {
        const record = JSON.parse(await readFile(join(out, "evaluations", name, "evaluation.json"), "utf8"));
        expect(record).toMatchObject({ data: { pictures: 50 }, results: { top1, n: 50 } });
      }
    },
  );

  it("gives the same bytes wherever features are kept, and computes them once", async () => {
    const args = ["--data", data, "--resolution", "48", "--epochs", "2", "--threads", "1", "--cache-dir", at("cache")];
    const tuned = async (name: string, ...more: string[]) => {
      const out = at(`tuned-${name}`);
      const { code, stdout, stderr } = await fixres([
        "tune",
        at("run", "model"),
        ...args,
        ...more,
        "--out",
        out,
        "--json",
      ]);
      expect(code, stderr).toBe(0);
      return { cache: JSON.parse(stdout).cache, weights: await readFile(join(out, "weights.safetensors")) };
    };
    const first = await tuned("first");
    expect(first.cache).toMatchObject({ where: "disk", computed: 170 });
    for (const [name, computed, ...more] of [
      ["again", 0],
      ["short", 0, "--cache-memory", "0.000001"],
      ["memory", 170, "--cache", "memory"],
      // Training pictures twice, validation pictures before and after.
      ["none", 2 * 120 + 2 * 50, "--cache", "none"],
    ] as const) {
      const found = await tuned(name, ...more);
      expect(found.cache.computed, name).toBe(computed);
      expect(found.weights.equals(first.weights), name).toBe(true);
    }
    const { stdout } = await fixres(["cache", "--cache-dir", at("cache"), "--json"]);
    const { entries } = JSON.parse(stdout);
    expect(entries.map(({ rows, type }: { rows: number; type: string }) => [rows, type]).sort()).toEqual([
      [120, "float16"],
      [50, "float32"],
    ]);
    const one = await fixres(["cache", "clear", entries[0].key.slice(0, 12), "--cache-dir", at("cache"), "--json"]);
    expect(JSON.parse(one.stdout).cleared).toEqual([entries[0].key]);
    const unknown = await fixres(["cache", "clear", "nothing", "--cache-dir", at("cache")]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('no key begins with "nothing"; give one of those that fixres cache lists.');
    await fixres(["cache", "clear", "--cache-dir", at("cache")]);
    expect(JSON.parse((await fixres(["cache", "--cache-dir", at("cache"), "--json"])).stdout).entries).toEqual([]);
  });

  it("finds the optimum of the classifier, which no strength of SGD is below", async () => {
    const args = ["--data", data, "--resolution", "48", "--tune", "classifier", "--threads", "1", "--json"];
    const tuned = async (...more: string[]) => {
      const out = at(`solver-${more.join("")}`);
      const { code, stdout, stderr } = await fixres(["tune", at("run", "model"), ...args, ...more, "--out", out]);
      expect(code, stderr).toBe(0);
      return { ...JSON.parse(stdout), weights: await readFile(join(out, "weights.safetensors")) };
    };
    const solved = await tuned("--solver", "lbfgs");
    const { strength, path, heldOutRows, rows } = solved.solved;
    expect([rows, heldOutRows]).toEqual([120, 10]);
    expect(path.length).toBeGreaterThan(1);
    const least = Math.min(...path.map(({ heldOutLoss }: { heldOutLoss: number }) => heldOutLoss));
    expect(path.find((step: { strength: number }) => step.strength === strength).heldOutLoss).toBe(least);
    const { losses } = await tuned("--epochs", "3");
    expect(solved.losses[0]).toBeLessThan(losses.at(-1));
    expect((await tuned("--solver", "lbfgs", "--cache", "memory")).weights.equals(solved.weights)).toBe(true);
    const wrong = await fixres([
      "tune",
      at("run", "model"),
      ...args,
      "--tune",
      "head",
      "--solver",
      "lbfgs",
      "--out",
      "x",
    ]);
    expect([wrong.code, wrong.stdout]).toEqual([2, ""]);
  });

  it("chooses an epoch by pictures that are held back, and says where that is optimistic", async () => {
    const args = ["--data", data, "--resolution", "48", "--epochs", "4", "--threads", "1", "--json"];
    const chosen = await fixres([
      ...["tune", at("run", "model"), ...args],
      "--select-on",
      "holdout",
      "--out",
      at("held"),
    ]);
    expect(chosen.code, chosen.stderr).toBe(0);
    const { selection, losses } = JSON.parse(chosen.stdout);
    expect(selection).toMatchObject({ on: "holdout", optimistic: false });
    expect(selection.judged).toHaveLength(5);
    expect(selection.pictures).toBe(10);
    expect(selection.judged[0].n).toBe(10);
    expect(losses).toHaveLength(selection.epoch);
    const val = await fixres([...["tune", at("run", "model"), ...args], "--select-on", "val", "--out", at("val")]);
    const optimistic = JSON.parse(val.stdout);
    expect(optimistic.selection).toMatchObject({ on: "val", optimistic: true });
    // The accuracy of the epoch that was chosen is that of the result.
    expect(optimistic.selection.judged[optimistic.selection.epoch].top1).toBe(optimistic.after);
    const { provenance } = JSON.parse(await readFile(at("val", "model.json"), "utf8"));
    expect(provenance.at(-1)).toMatchObject({
      what: "tuned",
      epochs: 4,
      epoch: optimistic.selection.epoch,
      selectedOn: "val",
    });
  });

  it.each([
    [["--views", "2"], "give --recipe test+, or no --views"],
    [["--tune", "classifier", "--solver", "lbfgs", "--select-on", "val"], "has no epochs to choose"],
  ])("refuses %j", async (more, message) => {
    const { code, stderr } = await fixres(["tune", at("run", "model"), "--data", data, ...more, "--out", at("none")]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it("takes turns at views also where nothing keeps them", async () => {
    const args = [
      "--data",
      data,
      "--resolution",
      "48",
      "--epochs",
      "3",
      "--recipe",
      "test+",
      "--views",
      "2",
      "--threads",
      "1",
    ];
    const weights = async (where: string): Promise<Buffer> => {
      const out = at(`views-${where}`);
      const { code, stderr } = await fixres(["tune", at("run", "model"), ...args, "--cache", where, "--out", out]);
      expect(code, stderr).toBe(0);
      return readFile(join(out, "weights.safetensors"));
    };
    expect((await weights("none")).equals(await weights("memory"))).toBe(true);
  });

  it("refuses a batch that what is left of the training pictures does not fill", async () => {
    const args = [
      "--data",
      data,
      "--resolution",
      "48",
      "--select-on",
      "holdout",
      "--batch-size",
      "120",
      "--out",
      at("none"),
    ];
    const { code, stderr } = await fixres(["tune", at("run", "model"), ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain("the pictures that are trained on do not fill one batch; give a smaller batch size.");
  });

  it("sweeps with tuning, chooses by pictures held back under limits, and leaves the best", async () => {
    const args = [
      "sweep",
      at("run", "model"),
      "--data",
      data,
      "--resolutions",
      "32,40,48",
      "--epochs",
      "2",
      "--threads",
      "1",
    ];
    const swept = await fixres([
      ...args,
      "--tune",
      "--recipes",
      "test,test+",
      "--views",
      "1",
      "--out",
      at("best"),
      "--json",
    ]);
    expect(swept.code, swept.stderr).toBe(0);
    const { rows, best, tuned, mode, optimistic } = JSON.parse(swept.stdout);
    expect([mode, optimistic, rows.length]).toEqual(["classifier", false, 6]);
    expect(rows[0].macs).toBeLessThan(rows[2].macs);
    expect(rows.map(({ after }: { after: { n: number } }) => after.n)).toEqual(Array(6).fill(10));
    const most = Math.max(...rows.map(({ after }: { after: { top1: number } }) => after.top1));
    const chosen = rows.find(
      (row: { resolution: number; recipe: string }) => row.resolution === best.resolution && row.recipe === best.recipe,
    );
    expect(chosen.after.top1).toBe(most);
    expect(chosen.pareto).toBe(true);
    // The validation pictures are looked at once, by the model of the choice.
    expect(tuned).toMatchObject({ n: 50, resolution: best.resolution, selection: { epoch: best.epoch } });
    const evaluated = await fixres(["eval", at("best"), "--data", data, "--json", "--threads", "1"]);
    expect(JSON.parse(evaluated.stdout).top1).toBe(tuned.after);
    const limited = await fixres([...args, "--tune", "classifier", "--max-macs", "0.0001"]);
    expect(limited.code, limited.stderr).toBe(0);
    expect(limited.stdout).toContain("none keeps the limits; raise --max-latency or --max-macs");
    expect(limited.stdout.match(/beyond the limits/g)).toHaveLength(3);
    const unknown = await fixres([...args, "--tune", "--recipes", "test,none"]);
    expect([unknown.code, unknown.stderr.trim().split("\n").length]).toEqual([2, 1]);
  });

  it("diagnoses: sizes and activations beside what sweep finds", async () => {
    const args = ["--data", data, "--resolutions", "32,37,48", "--pictures", "20", "--sweep"];
    const diagnosed = await fixres(["diagnose", at("run", "model"), ...args, "--json"]);
    expect(diagnosed.code, diagnosed.stderr).toBe(0);
    const { train, rows, predicted, best, sizes, pictures } = JSON.parse(diagnosed.stdout);
    expect(train).toMatchObject({ resolution: 32, scale: [0.08, 1] });
    expect([sizes, pictures]).toEqual([50, 20]);
    const swept = await fixres(["sweep", at("run", "model"), "--data", data, "--resolutions", "32,37,48", "--json"]);
    const top1 = ({ rows: own }: { rows: { top1: number }[] }) => own.map((row) => row.top1);
    expect(rows.map((row: { accuracy: { top1: number } }) => row.accuracy.top1)).toEqual(
      top1(JSON.parse(swept.stdout)),
    );
    expect([32, 37, 48]).toContain(predicted.activations);
    const text = await fixres(["diagnose", at("run", "model"), ...args]);
    expect(text.stdout).toMatch(/^training, 32 +\S+ +1 /m);
    expect(text.stdout).toContain(`objects look as large as in training at ${predicted.sameSize} px (50 pictures)`);
    expect(text.stdout).toContain(`top-1 is highest at ${best} px (50 pictures)`);
  });
});
