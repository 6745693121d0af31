import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";

/*
 * WebGPU of onnxruntime-node without a GPU: Chromium brings a Vulkan that the processor computes (SwiftShader), and the loader for it. This
 * shows what is computed there, not how fast.
 */
const VULKAN = process.env.FIXRES_VULKAN ?? "/usr/lib/chromium";
const env = { LD_LIBRARY_PATH: VULKAN, VK_ICD_FILENAMES: join(VULKAN, "vk_swiftshader_icd.json") };
const GPU = ["--device", "webgpu"];

let directory: string;
const at = (...names: string[]): string => join(directory, ...names);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-webgpu-"));
  await makePictures(at("data"), { classes: 3, train: 4, val: 2 });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const losses = async (run: string): Promise<number[]> =>
  (await readFile(at(run, "metrics.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ kind }) => kind === "step")
    .map(({ loss }) => loss);

it("trains and tunes on WebGPU, after a check, as on the CPU", async () => {
  const small = ["efficientnet_b0", "--width", "0.25", "--depth", "0.25", "--resolution", "32"];
  const options = ["--data", at("data"), "--batch-size", "4", "--epochs", "2", "--learning-rate", "0.005"];
  const cpu = await fixres(["train", ...small, ...options, "--out", at("cpu")]);
  expect(cpu.code, cpu.stderr).toBe(0);
  const whole = await fixres(["train", ...small, ...options, ...GPU, "--out", at("gpu")], { env });
  expect(whole.code, whole.stderr).toBe(0);
  expect(whole.stderr).toContain("self-check: a step on webgpu agrees with the CPU's");
  const [here, there] = [await losses("cpu"), await losses("gpu")];
  expect(there).toHaveLength(6);
  // So small a network magnifies roundings tenfold a step; the first step has only its own.
  expect(Math.abs(there[0]! - here[0]!)).toBeLessThan(1e-3);

  // What stays on the GPU from step to step is what a checkpoint holds.
  const again = ["train", ...small, ...options, ...GPU, "--out", at("again")];
  const killed = await fixres(again, { env, kill: "epoch 1/2: train loss" });
  expect(killed.code).toBe(null);
  const resumed = await fixres(again, { env });
  expect(resumed.stderr).toContain("goes on after step 3");
  expect(await losses("again")).toEqual(there);

  // SwiftShader has no float16.
  const tuning = [
    "--cache-type",
    "float32",
    "--data",
    at("data"),
    "--resolution",
    "40",
    "--batch-size",
    "4",
    "--epochs",
    "2",
  ];
  const tuned = await fixres(["tune", at("cpu", "model"), ...tuning, ...GPU, "--out", at("tuned")], { env });
  expect(tuned.code, tuned.stderr).toBe(0);
  expect(tuned.stderr).toContain("self-check: a step on webgpu agrees with the CPU's");
}, 1_800_000);
