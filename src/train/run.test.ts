import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openFolder } from "../data/index.js";
import { testPreprocessing } from "../evaluate/index.js";
import { architecture, freshModel } from "../models/index.js";
import { encoded, folderOf, pattern } from "../pictures.testing.js";
import type { Progress } from "../progress.js";
import { defaultTrainOptions, type TrainOptions, train } from "./index.js";

const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b"], 0);
const test = testPreprocessing(model.input, { resolution: 32 });

async function source() {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 10; i++) files[`${i % 2 ? "a" : "b"}/${i}.png`] = await encoded(pattern(32 + i, 40));
  return openFolder(await folderOf(files));
}

/** Stops by itself after so many batches of training. */
function stopping(batches: number): { signal: AbortSignal; progress: Progress } {
  const controller = new AbortController();
  let count = 0;
  const start: Progress["start"] = (task) => ({
    advance() {
      if (!task.includes("validation") && ++count === batches) controller.abort(new Error("stopped"));
    },
    end() {},
  });
  return { signal: controller.signal, progress: { start, note() {} } };
}

it("a run that is stopped while it gathers gradients goes on and ends in the same bytes", async () => {
  const data = { train: await source(), val: await source() };
  const options: TrainOptions = {
    ...defaultTrainOptions({ resolution: 32, dropout: 0.2 }),
    ...{ batchSize: 2, epochs: 2, warmupEpochs: 0, optimizer: "adamw", learningRate: 1e-3 },
    ...{ accumulate: 3, averageDecay: 0.9, clipNorm: 1, sampling: "balanced", keep: 1 },
  };
  const directory = await folderOf({});
  const whole = join(directory, "whole");
  const found = await train(model, data, options, test, { directory: whole, threads: 1 });
  expect(found.kept.map(({ epoch }) => epoch)).toEqual([found.best.epoch]);
  const stopped = join(directory, "stopped");
  const surroundings = { directory: stopped, threads: 1, ...stopping(4) };
  await expect(train(model, data, options, test, surroundings)).rejects.toThrow("stopped");
  await train(model, data, options, test, { directory: stopped, threads: 1 });
  for (const file of ["checkpoint.safetensors", "model/weights.safetensors", "metrics.jsonl", "metrics.csv"])
    expect((await readFile(join(stopped, file))).equals(await readFile(join(whole, file))), file).toBe(true);
});

it("refuses an update of more batches than there are", async () => {
  const data = { train: await source(), val: await source() };
  const options = { ...defaultTrainOptions({ resolution: 32, dropout: 0 }), batchSize: 5, epochs: 2, accumulate: 5 };
  await expect(train(model, data, options, test, { directory: "never" })).rejects.toThrow(
    "an update gathers 5 batches, but the whole run has 4; choose at most that.",
  );
});
