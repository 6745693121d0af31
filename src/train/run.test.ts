import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadBatches, mixBatch, openFolder, random, trainTransform } from "../data/index.js";
import { FailedError } from "../errors.js";
import { testPreprocessing } from "../evaluate/index.js";
import { architecture, freshModel } from "../models/index.js";
import { encoded, folderOf, pattern } from "../pictures.testing.js";
import type { Progress } from "../progress.js";
import { openSession } from "../runtime/index.js";
import {
  checkTrainOptions,
  defaultTrainOptions,
  initialState,
  optimizer,
  stepForm,
  type TrainOptions,
  train,
  trainingStep,
} from "./index.js";
import { noiseFeeds } from "./noise.js";

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

/** Of other normalisation than ImageNet's, as AdvProp has it. */
const halves = { ...model, input: { ...model.input, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } };

/** The loss of a first step, and how many pictures are right, without mixing. */
async function plainly(options: TrainOptions, pixels: Uint8Array, labels: Int32Array): Promise<number[]> {
  const step = trainingStep(halves, options, await stepForm());
  const session = await openSession(step.program, { where: "here", threads: 1 });
  await session.setState(initialState(step, optimizer("sgd"), (name) => model.tensors.get(name)!.data));
  const noise = noiseFeeds(step.noise, options.seed, 1);
  const { loss, correct } = await session.run({ pixels, labels, ...step.scalars(1, 0.1), ...noise });
  await session.dispose();
  return [Number(loss![0]), Number(correct![0])];
}

it.each([
  ["mixup, lambda 0.87", { mixup: 0.4, cutmix: 0 }, 1],
  ["mixup, lambda 0.27", { mixup: 0.4, cutmix: 0 }, 2],
  ["CutMix, lambda 0.63", { mixup: 0, cutmix: 1 }, 2],
])(
  "a step's loss is lambda CE(a) + (1 - lambda) CE(b), and its top-1 that of the larger label: %s",
  async (name, mix, seed) => {
    const pictures = await source();
    const options: TrainOptions = {
      ...defaultTrainOptions({ resolution: 32, dropout: 0.2 }),
      ...{
        batchSize: 10,
        epochs: 1,
        warmupEpochs: 0,
        seed,
        augment: "rand-m9-mstd0.5",
        erasing: 0.5,
        colorJitter: 0.4,
      },
      ...mix,
    };
    const directory = join(await folderOf({}), "run");
    const found = await train(halves, { train: pictures, val: pictures }, options, test, { directory, threads: 1 });
    const transform = trainTransform({
      ...{ resolution: 32, interpolation: "bicubic", normalization: halves.input, augment: "rand-m9-mstd0.5" },
      colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 },
      erasing: { probability: 0.5 },
    });
    for await (const batch of loadBatches(pictures, { transform, batchSize: 10, seed, epoch: 0, shuffle: true })) {
      const { pixels, labels, otherLabels, lambda } = mixBatch(batch, mix, random(seed, "mix", 0, 10));
      const share = lambda[0]!;
      expect(name).toContain(share.toFixed(2));
      const own = await plainly(options, pixels, labels);
      const other = await plainly(options, pixels, otherLabels);
      expect(Math.abs(own[0]! - other[0]!)).toBeGreaterThan(1e-4);
      expect(found.epochs[0]!.trainLoss).toBeCloseTo(share * own[0]! + (1 - share) * other[0]!, 5);
      expect(found.epochs[0]!.trainTop1).toBe((share >= 0.5 ? own : other)[1]! / 10);
    }
  },
);

it("refuses an update of more batches than there are", async () => {
  const data = { train: await source(), val: await source() };
  const options = { ...defaultTrainOptions({ resolution: 32, dropout: 0 }), batchSize: 5, epochs: 2, accumulate: 5 };
  await expect(train(model, data, options, test, { directory: "never" })).rejects.toThrow(
    "an update gathers 5 batches, but the whole run has 4; choose at most that.",
  );
});

it("names the step where weights are finite, but make logits of the validation that are not", async () => {
  const data = { train: await source(), val: await source() };
  const options: TrainOptions = {
    ...defaultTrainOptions({ resolution: 32, dropout: 0 }),
    ...{ batchSize: 10, epochs: 1, warmupEpochs: 0, optimizer: "sgd", learningRate: 1e30 },
  };
  const directory = join(await folderOf({}), "run");
  const running = train(model, data, options, test, { directory, threads: 1 });
  await expect(running).rejects.toThrow(FailedError);
  await expect(running).rejects.toThrow(
    "a logit of the validation is no longer finite at step 1 (learning rate 1e+30)",
  );
});

it("takes none as the name of no augmentation, as the command does", () => {
  const options = { ...defaultTrainOptions({ resolution: 32, dropout: 0 }), augment: "none" };
  expect(checkTrainOptions(options).augment).toBe("");
});

it("leaves no directory behind where parts to freeze or to compute again cannot be", async () => {
  const data = { train: await source(), val: await source() };
  const options = { ...defaultTrainOptions({ resolution: 32, dropout: 0 }), batchSize: 2 };
  const directory = join(await folderOf({}), "run");
  const frozen = train(model, data, { ...options, freeze: ["blocks.9"] }, test, { directory });
  await expect(frozen).rejects.toThrow("names no part");
  const again = train(model, data, options, test, { directory, recompute: "blocks.9" });
  await expect(again).rejects.toThrow("names no part");
  await expect(access(directory)).rejects.toThrow("ENOENT");
});
