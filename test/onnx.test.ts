import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeModel } from "fixres/onnx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";

/** Small classifiers by PyTorch's exporters; test/golden/onnx/make_models.py says how. */
const golden = (name: string): string => fileURLToPath(new URL(`golden/onnx/${name}.onnx`, import.meta.url));

let directory: string;
let data: string;
const at = (...names: string[]): string => join(directory, ...names);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-onnx-"));
  data = at("pictures");
  await makePictures(data, { classes: 5, train: 24, val: 12 });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const tune = (file: string, mode: string, out: string, ...more: string[]) => {
  const recipe = ["--epochs", "20", "--base-learning-rate", "0.3", "--threads", "1", "--json"];
  return fixres(["tune", file, "--data", data, "--resolution", "48", "--tune", mode, "--out", out, ...recipe, ...more]);
};

describe("the method on an ONNX classifier", () => {
  it.each([
    ["residual.old", "classifier"],
    ["residual.new", "classifier+bn"],
    ["residual.old11", "head"],
    ["dense.new", "classifier+bn-stats"],
    ["dense.old", "classifier+bn"],
    ["mobile.new", "classifier+bn"],
    ["mobile.old", "head"],
    ["next.new", "classifier"],
    ["squeeze.new", "classifier+bn"],
    ["inside.old", "classifier+bn"],
    ["residual.old", "match:^(fc|expand)"],
  ])("tunes %s: %s", async (name, mode) => {
    const out = at(`${name}-${mode}`);
    const tuned = await tune(golden(name), mode, out);
    expect(tuned.code, tuned.stderr).toBe(0);
    const { after, losses, beforeMetrics, afterMetrics, model } = JSON.parse(tuned.stdout);
    expect(losses.at(-1)).toBeLessThan(losses[0]);
    expect(afterMetrics.loss).toBeLessThan(beforeMetrics.loss);
    // What was tuned is the same graph with other values, as a model by itself and in its directory.
    expect((await readdir(out)).sort()).toEqual(["evaluations", "model.json", "model.onnx", "run.json"]);
    const ops = async (path: string) =>
      decodeModel(await readFile(path)).graph.node.flatMap(({ opType }) => (opType === "Identity" ? [] : [opType]));
    expect(await ops(join(out, "model.onnx"))).toEqual(await ops(golden(name)));
    for (const path of [model, join(out, "model.onnx")]) {
      const evaluated = await fixres(["eval", path, "--data", data, "--json", "--threads", "1"]);
      expect(evaluated.code, evaluated.stderr).toBe(0);
      const { top1, loss, preprocessing } = JSON.parse(evaluated.stdout);
      expect({ top1, preprocessing }).toMatchObject({ top1: after, preprocessing: { resolution: 48 } });
      expect(Math.abs(loss - afterMetrics.loss)).toBeLessThan(1e-4);
    }
  });

  it("says that a network without BatchNorm has none to tune", async () => {
    const tuned = await tune(golden("next.old"), "classifier+bn", at("none"));
    expect(tuned.code).toBe(2);
    expect(tuned.stderr).toContain(
      "next.old.onnx has no BatchNorm before its classifier; tune the classifier alone (--tune classifier).",
    );
  });

  it("says which node forbids a resolution", async () => {
    const tuned = await tune(golden("fixed.old"), "classifier", at("none"), "--resolution", "64");
    expect(tuned.code).toBe(2);
    expect(tuned.stderr).toContain('Gemm "/fc/Gemm" of [1, 32], [5, 8], [5]: inner dimensions 32 and 8 differ.');
  });
});

it("sweeps and predicts, with the normalisation that is given", async () => {
  const sweep = await fixres(["sweep", golden("mobile.new"), "--data", data, "--resolutions", "32,45", "--json"]);
  expect(sweep.code, sweep.stderr).toBe(0);
  expect(JSON.parse(sweep.stdout).rows.map(({ resolution, n }: never) => [resolution, n])).toEqual([
    [32, 60],
    [45, 60],
  ]);
  const picture = join(data, "val", "class-0000", (await readdir(join(data, "val", "class-0000")))[0]!);
  const options = ["--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5"];
  const [imagenet, half] = [
    await fixres(["predict", golden("residual.new"), picture, "--json"]),
    await fixres(["predict", golden("residual.new"), picture, "--json", ...options]),
  ];
  expect(imagenet.stderr).toContain("ImageNet's mean and standard deviation are assumed");
  expect(half.stderr).not.toContain("are assumed");
  expect(half.stderr).toContain("mean 0.5 0.5 0.5");
  const [first, second] = [imagenet, half].map(({ stdout }) => JSON.parse(stdout)[0].top[0].probability);
  expect(first).not.toBe(second);
});

it("imports a file with what it does not say itself", async () => {
  await writeFile(at("names.txt"), "a\nb\nc\nd\ne\n");
  const options = ["--classes", at("names.txt"), "--resolution", "45", "--interpolation", "bicubic"];
  const imported = await fixres(["import", golden("dense.new"), ...options, "--out", at("dense"), "--json"]);
  expect(imported.code, imported.stderr).toBe(0);
  const { classes, input, arch } = JSON.parse(await readFile(at("dense", "model.json"), "utf8"));
  expect({ classes, arch }).toEqual({ arch: "onnx", classes: ["a", "b", "c", "d", "e"] });
  expect(input).toMatchObject({ resolution: 45, interpolation: "bicubic" });
  const wrong = await fixres(["import", golden("dense.new"), "--arch", "efficientnet_b0", "--out", at("x")]);
  expect(wrong.code).toBe(2);
});

it("inspects: where the parts are", async () => {
  const inspect = async (name: string) => JSON.parse((await fixres(["inspect", golden(name), "--json"])).stdout);
  expect(await inspect("inside.new")).toMatchObject({
    classes: 5,
    input: { layout: "NHWC", type: "float32", resolution: 32, batch: 1 },
    normalization: { range: "0..255" },
    pooling: { op: "ReduceMean" },
    classifier: { op: "Gemm", features: 16 },
    batchNorm: { op: "Conv", channels: 16, folded: true },
    resolution: { flexible: true },
    batch: { flexible: true, fault: null },
  });
  expect(await inspect("dense.old")).toMatchObject({ batchNorm: { op: "BatchNormalization", folded: false } });
  expect(await inspect("next.old")).toMatchObject({ normalization: null, batchNorm: null });
  const { resolution } = await inspect("fixed.old");
  expect(resolution.flexible).toBe(false);
  expect(resolution.tried.at(-1).fault).toContain('Gemm "/fc/Gemm"');
  const text = await fixres(["inspect", golden("squeeze.old")]);
  expect(text.stdout).toMatch(
    /^classifier {3}Conv ".*", 16 features to 5 classes \(classifier\.weight, classifier\.bias\)$/m,
  );
});

it("does not train another family from scratch", async () => {
  const trained = await fixres(["train", golden("dense.old"), "--data", data, "--out", at("run")]);
  expect(trained.code).toBe(2);
  expect(trained.stderr).toContain("is an ONNX network of another family; it can be tuned (fixres tune), not trained.");
});
