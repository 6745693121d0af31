import { access, constants, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";

let directory: string;
let data: string;
const at = (...names: string[]): string => join(directory, ...names);
const SMALL = ["efficientnet_b0", "--width", "0.25", "--depth", "0.25"];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-"));
  data = at("pictures");
  await makePictures(data, { classes: 10, train: 12, val: 5 });
  const trained = await fixres([
    ...["train", ...SMALL, "--data", data, "--resolution", "32", "--epochs", "2", "--batch-size", "20"],
    ...["--out", at("run"), "--threads", "1", "--json"],
  ]);
  expect(trained.stderr).toContain("preprocessing: resolution 32");
  expect(trained.code).toBe(0);
  await writeFile(at("train.json"), trained.stdout);
}, 120_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

describe("the main job on colour pictures of ten classes", () => {
  it("trains: a run directory, metrics by step and epoch, a model", async () => {
    const result = JSON.parse(await readFile(at("train.json"), "utf8"));
    expect(result).toMatchObject({ run: at("run"), model: at("run", "model") });
    expect(result.epochs).toHaveLength(2);
    expect(result.epochs[1].val.n).toBe(50);
    const lines = (await readFile(at("run", "metrics.jsonl"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ kind }) => kind === "step").map(({ step }) => step)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ]);
    const model = JSON.parse(await readFile(at("run", "model", "model.json"), "utf8"));
    expect(model).toMatchObject({ arch: "efficientnet_b0", width: 0.25, depth: 0.25 });
    expect(model.classes[3]).toBe("class-0003");
    expect(model.provenance.map(({ what }: { what: string }) => what)).toEqual(["initialised", "trained"]);
  });

  it("says on a second call that the run is complete, with the same result", async () => {
    const again = await fixres([
      ...["train", ...SMALL, "--data", data, "--resolution", "32", "--epochs", "2", "--batch-size", "20"],
      ...["--out", at("run"), "--threads", "1", "--json"],
    ]);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout).epochs).toEqual(JSON.parse(await readFile(at("train.json"), "utf8")).epochs);
  });

  it("refuses to go on with other options, and names them", async () => {
    const other = await fixres([
      ...["train", ...SMALL, "--data", data, "--resolution", "32", "--epochs", "3", "--batch-size", "20"],
      ...["--out", at("run")],
    ]);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain("epochs was 2, is 3");
  });

  it("sweeps over resolutions, odd ones too", async () => {
    const swept = await fixres(["sweep", at("run", "model"), "--data", data, "--resolutions", "32,37,48", "--json"]);
    const { rows } = JSON.parse(swept.stdout);
    expect(rows.map(({ resolution }: { resolution: number }) => resolution)).toEqual([32, 37, 48]);
    for (const row of rows) expect(row).toMatchObject({ n: 50, preprocessing: { resolution: row.resolution } });
  });

  it("predicts", async () => {
    const picture = join(data, "val", "class-0002", "0.jpg");
    const predicted = await fixres(["predict", at("run", "model"), picture, "--top", "3", "--json"]);
    const [{ image, top }] = JSON.parse(predicted.stdout);
    expect(image).toBe(picture);
    expect(top).toHaveLength(3);
    expect(top[0].probability).toBeGreaterThanOrEqual(top[1].probability);
    expect(top[0].class).toBe(`class-000${top[0].index}`);
  });

  it("exports one file, and imports its own weights back", async () => {
    const exported = await fixres(["export", at("run", "model"), "--out", at("model.onnx"), "--json"]);
    expect(exported.code, exported.stderr).toBe(0);
    const { file, bytes, opset } = JSON.parse(exported.stdout);
    expect([file, opset]).toEqual([at("model.onnx"), 18]);
    expect((await readFile(file)).length).toBe(bytes);
    const evaluated = await fixres(["eval", file, "--data", data, "--json"]);
    expect(JSON.parse(evaluated.stdout).n).toBe(50);
    const names = JSON.parse(await readFile(at("run", "model", "model.json"), "utf8")).classes;
    await writeFile(at("classes.txt"), `${names.join("\n")}\n`);
    const weights = at("run", "model", "weights.safetensors");
    const back = [...SMALL.slice(1), "--arch", SMALL[0]!, "--classes", at("classes.txt"), "--resolution", "32"];
    const imported = await fixres(["import", weights, ...back, "--out", at("imported"), "--json"]);
    expect(imported.code, imported.stderr).toBe(0);
    expect(JSON.parse(imported.stdout)).toMatchObject({
      model: at("imported"),
      scheme: "timm",
      unused: [],
      missing: [],
    });
    const [before, after] = await Promise.all(
      [at("run", "model"), at("imported")].map((model) => fixres(["eval", model, "--data", data, "--json"])),
    );
    expect(JSON.parse(after!.stdout).loss).toBe(JSON.parse(before!.stdout).loss);
    // What is asked for goes before what stands beside the file, and that before what the file is called.
    await mkdir(at("beside"));
    await cp(weights, at("beside", "efficientnet_b1.ft_in1k.safetensors"));
    const config = { architecture: SMALL[0], pretrained_cfg: { crop_pct: 0.95, interpolation: "bilinear" } };
    await writeFile(at("beside", "config.json"), JSON.stringify(config));
    const named = ["import", at("beside", "efficientnet_b1.ft_in1k.safetensors"), ...SMALL.slice(1)];
    const inputOf = async (...more: string[]) => {
      const { code, stderr } = await fixres([...named, ...more, "--out", at("named")]);
      expect(code, stderr).toBe(0);
      return JSON.parse(await readFile(at("named", "model.json"), "utf8")).input;
    };
    expect(await inputOf()).toMatchObject({ cropRatio: 0.95, interpolation: "bilinear", mean: [0.485, 0.456, 0.406] });
    const asked = ["--weights", "efficientnet_b0.ra4_e3600_r224_in1k", "--interpolation", "lanczos"];
    expect(await inputOf(...asked)).toMatchObject({ cropRatio: 0.9, interpolation: "lanczos", mean: [0.5, 0.5, 0.5] });
    const wrong = await fixres(["import", weights, "--arch", "efficientnet_b1", "--out", at("never")]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/does not hold the weights of efficientnet_b1: [^\n]*and \d+ more\.\n$/);
  });

  it("initialises a model that can be evaluated and trained on from", async () => {
    const made = await fixres(["init", ...SMALL, "--classes", "10", "--seed", "3", "--out", at("fresh"), "--json"]);
    expect(JSON.parse(made.stdout)).toEqual({ model: at("fresh") });
    const evaluated = await fixres(["eval", at("fresh"), "--data", data, "--resolution", "32", "--json"]);
    expect(JSON.parse(evaluated.stdout).n).toBe(50);
  });
});

describe("what is wrong with a request is one line, and the exit code is 2", () => {
  const line = (text: RegExp) => expect.stringMatching(new RegExp(`(^|\n)fixres: [^\n]*${text.source}[^\n]*\n$`));

  it("an unreadable picture, unless it is skipped", async () => {
    await cp(data, at("damaged"), { recursive: true });
    const victim = at("damaged", "val", "class-0001", "0.jpg");
    await writeFile(victim, (await readFile(victim)).subarray(0, 300));
    const stopped = await fixres(["eval", at("run", "model"), "--data", at("damaged")]);
    expect(stopped).toMatchObject({ code: 2, stdout: "", stderr: line(/class-0001\/0\.jpg/) });
    const skipped = await fixres([
      "eval",
      at("run", "model"),
      "--data",
      at("damaged"),
      "--on-bad-image",
      "skip",
      "--json",
    ]);
    expect(skipped.code).toBe(0);
    expect(JSON.parse(skipped.stdout)).toMatchObject({ n: 49, bad: [{ name: "class-0001/0.jpg" }] });
  });

  it("an empty class folder", async () => {
    await cp(data, at("empty"), { recursive: true });
    await rm(at("empty", "val", "class-0004"), { recursive: true });
    await mkdir(at("empty", "val", "class-0004"));
    const { code, stderr } = await fixres(["eval", at("run", "model"), "--data", at("empty")]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: line(/class-0004" holds no pictures/) });
  });

  it("a class missing from val/", async () => {
    await cp(data, at("missing"), { recursive: true });
    await rm(at("missing", "val", "class-0007"), { recursive: true });
    const { code, stderr } = await fixres(["train", ...SMALL, "--data", at("missing"), "--out", at("never")]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: line(/lacks the class "class-0007"/) });
  });

  it("a model of another number of classes", async () => {
    await fixres(["init", ...SMALL, "--classes", "7", "--out", at("seven")]);
    const { code, stderr } = await fixres(["eval", at("seven"), "--data", data]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: line(/10 classes, but the model has 7/) });
  });

  it.each([
    [
      "an unknown architecture",
      ["init", "efficientnet_b9", "--classes", "2", "--out", "x"],
      /"efficientnet_b9" is unknown/,
    ],
    ["a model that is not there", ["eval", "nowhere", "--data", "."], /model "nowhere" does not exist/],
    [
      "a directory without data",
      ["train", "efficientnet_b0", "--data", "/nowhere", "--out", "x"],
      /"\/nowhere" does not exist/,
    ],
  ])("%s", async (_, args, text) => {
    const { code, stderr } = await fixres(args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: line(text) });
  });

  it.each([
    [["eval", "x", "--data", "y", "--unknown"], "unknown option '--unknown'"],
    [["tune", "x"], "required option"],
    [["nonsense"], "unknown command 'nonsense'"],
    [["train", "efficientnet_b0", "--data", "x", "--out", "y", "--epochs", "0"], "whole number of 1 or more"],
  ])("%j", async (args, text) => {
    const { code, stderr } = await fixres(args);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});

it("stops at once where the loss is not finite, names the step, and ends in 1", async () => {
  const args = ["--data", data, "--resolution", "32", "--epochs", "2", "--batch-size", "20", "--warmup-epochs", "0"];
  const trained = await fixres(["train", ...SMALL, ...args, "--learning-rate", "1e30", "--out", at("diverged")]);
  expect(trained.code).toBe(1);
  expect(trained.stderr).toMatch(/fixres: the loss is NaN at step \d+ .*a checkpoint that is there stays[^\n]*\n$/);
  const rate = ["--data", data, "--resolution", "48", "--base-learning-rate", "1e30"];
  const tuned = await fixres(["tune", at("run", "model"), ...rate, "--out", at("diverged-tuning")]);
  expect(tuned.code).toBe(1);
  expect(tuned.stderr).toContain("nothing was written");
});

it.skipIf(process.platform === "win32")("can be run by its own name, as npm links it", async () => {
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  await expect(access(main, constants.X_OK)).resolves.toBeUndefined();
});

it("tells of every command, with examples", async () => {
  const { code, stdout } = await fixres(["--help"]);
  expect(code).toBe(0);
  for (const name of [
    "models",
    "init",
    "import",
    "export",
    "train",
    "plan",
    "tune",
    "reproduce",
    "diagnose",
    "sweep",
    "cache",
    "eval",
    "predict",
  ]) {
    expect(stdout).toContain(name);
    expect((await fixres([name, "--help"])).stdout).toContain(`$ fixres ${name}`);
  }
});

it("lists the family as JSON", async () => {
  const rows = JSON.parse((await fixres(["models", "--json"])).stdout);
  // B0 to B8, L2 and lite 0 to 4, plain and tf_.
  expect(rows).toHaveLength(30);
  expect(rows[0]).toEqual({
    name: "efficientnet_b0",
    params: 5_288_548,
    macs: expect.any(Number),
    trainResolution: 224,
    fixResolution: 320,
    fixResolutionExtraData: 320,
  });
});
