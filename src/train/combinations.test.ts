/* Options of a step that are each tested by themselves, several at once. */
import { expect, it } from "vitest";
import { architecture, freshModel } from "../models/index.js";
import { openSession } from "../runtime/index.js";
import { mainName } from "./adversarial/index.js";
import {
  defaultTrainOptions,
  initialState,
  stepForm,
  type TrainingStepOptions,
  type TrainOptions,
  trainingStep,
} from "./index.js";
import { noiseFeeds } from "./noise.js";
import { optimizerOf } from "./options.js";
import { rowsOfStep } from "./student/options.js";

const CLASSES = ["a", "b", "c"];
const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), CLASSES, 0);
const PLAIN: TrainOptions = { ...defaultTrainOptions({ resolution: 32, dropout: 0.2 }), batchSize: 6, clipNorm: 1 };
const ADVPROP: Partial<TrainOptions> = { advEpsilon: 4, advSteps: 1 };
const STUDENT: Partial<TrainOptions> = { unlabelledRatio: 1 };
const MIXED: Partial<TrainOptions> = { precision: "mixed" };
const GATHERED: Partial<TrainOptions> = { accumulate: 2, averageDecay: 0.9 };
const FROZEN: Partial<TrainOptions> = { freeze: ["stem", "blocks.0-1"], layerDecay: 0.9 };
const RUNS = 3;

/** Some runs of a step: their losses, and the state after them. */
async function trained(given: Partial<TrainOptions>, form: TrainingStepOptions = {}, runs = RUNS) {
  const options = { ...PLAIN, ...given };
  const mixed = options.mixup > 0;
  const step = trainingStep(model, options, { ...form, mixed });
  const session = await openSession(step.program, { where: "here", threads: 1 });
  await session.setState(initialState(step, optimizerOf(options), (name) => model.tensors.get(mainName(name))!.data));
  const rows = rowsOfStep(options);
  const labels = Int32Array.from({ length: rows }, (_, i) => i % 3);
  const targets = Float32Array.from({ length: rows * 3 }, (_, i) => [0.7, 0.2, 0.1][(i + Math.floor(i / 3)) % 3]!);
  const losses: number[] = [];
  const auxiliary: number[] = [];
  try {
    for (let run = 1; run <= runs; run++) {
      const results = await session.run({
        pixels: Uint8Array.from({ length: rows * 32 * 32 * 3 }, (_, i) => (i * 7919 * run + (i >> 9)) % 251),
        labels,
        ...(rows > options.batchSize ? { targets } : {}),
        ...(mixed && rows === options.batchSize
          ? { otherLabels: labels.toReversed(), share: new Float32Array(rows).fill(0.7) }
          : {}),
        ...noiseFeeds(step.noise, 0, run),
        ...step.scalars(run, 0.02),
      });
      losses.push(Number(results.loss![0]));
      auxiliary.push(Number(results.auxiliaryLoss?.[0] ?? 0));
    }
    return { losses, auxiliary, state: await session.getState() };
  } finally {
    await session.dispose();
  }
}

const all = (): boolean => true;

const COMBINATIONS: readonly (readonly [string, Partial<TrainOptions>])[] = [
  ["AdvProp of a student, gathered", { ...ADVPROP, ...STUDENT, ...GATHERED }],
  ["AdvProp of a frozen network, mixed labels", { ...ADVPROP, ...FROZEN, mixup: 0.2 }],
];

it.each(COMBINATIONS)("what is computed again changes no bit: %s", async (_, options) => {
  const form = await stepForm();
  const [kept, again] = [await trained(options, form), await trained(options, { ...form, recompute: all })];
  expect(again).toEqual(kept);
  expect(kept.losses.every(Number.isFinite)).toBe(true);
});

// One run: at 32 pixels a network of 1x1 maps and six pictures a batch leaves its path at the last bit.
it.each(COMBINATIONS)("the engine's layout has the losses of the plain one: %s", async (_, options) => {
  const [blocks, plain] = [await trained(options, await stepForm(), 1), await trained(options, {}, 1)];
  expect(blocks.losses[0]).toBeCloseTo(plain.losses[0]!, 3);
  expect(blocks.auxiliary[0]).toBeCloseTo(plain.auxiliary[0]!, 3);
});

it.each([
  ["AdvProp, gathered", { ...ADVPROP, ...GATHERED }],
  ["a student, frozen", { ...STUDENT, ...FROZEN }],
])("float16 has the losses of float32, by the same attack: %s", async (_, options) => {
  const [half, full] = [await trained({ ...options, ...MIXED }, { recompute: all }, 1), await trained(options, {}, 1)];
  expect(Math.abs(half.losses[0]! / full.losses[0]! - 1)).toBeLessThan(0.01);
  expect(Math.abs(half.auxiliary[0]! - full.auxiliary[0]!)).toBeLessThanOrEqual(0.01 * full.auxiliary[0]!);
});
