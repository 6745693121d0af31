import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openFolder } from "../data/index.js";
import { FailedError } from "../errors.js";
import { testPreprocessing } from "../evaluate/index.js";
import { architecture, freshModel, loadModel } from "../models/index.js";
import { nodesFor } from "../onnx/index.js";
import { encoded, folderOf, pattern } from "../pictures.testing.js";
import { openSession, type Session } from "../runtime/index.js";
import { readSafetensors } from "../weights/index.js";
import { checkLossScale } from "./finite.js";
import {
  defaultTrainOptions,
  initialState,
  optimizer,
  type StepGraph,
  type TrainingStepOptions,
  type TrainOptions,
  train,
  trainingStep,
} from "./index.js";
import { FIRST_SCALE, GOOD_STEPS, GROWTH_STEPS, SCALE } from "./loss-scaling.js";
import { noiseFeeds } from "./noise.js";

const BATCH = 8;
const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b", "c"], 0);
const lite = freshModel(architecture("efficientnet_lite0", { width: 0.25, depth: 0.25 }), ["a", "b", "c"], 0);
const OPTIONS: TrainOptions = { ...defaultTrainOptions({ resolution: 32, dropout: 0.2 }), batchSize: BATCH };

const pixels = Uint8Array.from({ length: BATCH * 32 * 32 * 3 }, (_, i) => (i * 7919 + (i >> 9)) % 251);
const labels = Int32Array.from({ length: BATCH }, (_, i) => i % 3);

type State = Readonly<Record<string, Float32Array>>;

interface Opened {
  readonly step: StepGraph;
  readonly session: Session;
  /** Steps from 1 on; @returns their losses */
  run(from: number, count: number, learningRate?: number): Promise<number[]>;
  state(): Promise<State>;
}

async function opened(
  options: Partial<TrainOptions>,
  { state = {}, from = model, ...more }: TrainingStepOptions & { state?: State; from?: typeof model } = {},
): Promise<Opened> {
  const step = trainingStep(from, { ...OPTIONS, ...options }, more);
  const session = await openSession(step.program, { where: "here", threads: 1 });
  const weights = (name: string) => from.tensors.get(name)!.data;
  await session.setState({ ...initialState(step, optimizer("sgd"), weights), ...state });
  return {
    step,
    session,
    async run(first, count, learningRate = 0.05) {
      const losses: number[] = [];
      for (let run = first; run < first + count; run++) {
        const feeds = { pixels, labels, ...noiseFeeds(step.noise, 0, 1), ...step.scalars(run, learningRate) };
        losses.push(Number((await session.run(feeds)).loss![0]));
      }
      return losses;
    },
    state: async () => (await session.getState()) as State,
  };
}

const scale = (value: number): State => ({ [SCALE]: Float32Array.of(value) });

/** |a - b| / |b|, by Euclidean norms, over all tensors whose names match, as one. */
function distance(a: State, b: State, names: RegExp): number {
  let [differences, squares] = [0, 0];
  for (const [name, data] of Object.entries(b).filter(([key]) => names.test(key))) {
    data.forEach((value, i) => {
      differences += (value - a[name]![i]!) ** 2;
      squares += value ** 2;
    });
  }
  return Math.sqrt(differences / squares);
}

it.each([
  ["B0", {}, {}, 256, 0.02],
  ["B0, BatchNorm in primitive operators", {}, { batchNorm: "primitive" }, 256, 0.02],
  ["B0, recomputed", {}, { recompute: () => true }, 256, 0.02],
  ["B0, frozen below", { freeze: ["stem", "blocks.0-3"] }, {}, 1, 0.05],
  // Roundings decide on which side of a kink of ReLU6 an activation lies.
  ["lite", {}, { from: lite }, 1, 0.3],
] as const)("loss and gradients in float16 are close to those in float32: %s", async (_, own, more, factor, most) => {
  const options = { ...own, freeze: "freeze" in own ? [...own.freeze] : [] };
  const [full, mixed] = [
    await opened(options, more),
    await opened({ ...options, precision: "mixed" }, { ...more, state: scale(factor) }),
  ];
  const [[expected], [found]] = [await full.run(1, 1), await mixed.run(1, 1)];
  expect(Math.abs(found! - expected!) / expected!).toBeLessThan(5e-3);
  const [a, b] = [await mixed.state(), await full.state()];
  // 11 bits of mantissa are 5e-4 an operation. The momentum after a first step is the gradient.
  expect(distance(a, b, /^optimizer\/momentum\//)).toBeLessThan(most);
  // Some tensors have a gradient that is zero but for rounding, since a BatchNorm follows: shifts, and before ReLU6 factors too.
  for (const name of full.step.trained)
    if (most < 0.1 && !/bn[23]\.bias/.test(name))
      expect(distance(a, b, new RegExp(`momentum/${name}$`)), name).toBeLessThan(5 * most);
  if (full.step.state.some((name) => name.endsWith("running_mean")))
    expect(distance(a, b, /running_(mean|var)$/)).toBeLessThan(2e-3);
  for (const one of [full, mixed]) await one.session.dispose();
});

it("convolutions take float16; normalisation, sums, loss and parameters are float32", () => {
  const { graph } = trainingStep(model, { ...OPTIONS, precision: "mixed" });
  const nodes = nodesFor(Object.values(graph.outputs));
  const types = (op: string) => new Set(nodes.filter((node) => node.op === op).map(({ inputs }) => inputs[0]!.type));
  for (const op of ["BatchNormalization", "ReduceSum", "GlobalAveragePool", "LogSoftmax", "Gemm"])
    expect([...types(op)], op).toEqual(["float32"]);
  const spatial = nodes.filter(({ op, inputs }) => op === "Conv" && inputs[0]!.shape[2]! > 1);
  expect(spatial.length).toBeGreaterThanOrEqual(20);
  expect(new Set(spatial.map(({ inputs }) => inputs[0]!.type))).toEqual(new Set(["float16"]));
  for (const [name, { type }] of Object.entries(graph.outputs)) expect(type, name).toBe("float32");
});

it("float32 has no loss scale", () => {
  const { state, graph } = trainingStep(model, OPTIONS);
  expect(state.filter((name) => name.startsWith("scaling"))).toEqual([]);
  expect(graph.outputs.lossScale).toBeUndefined();
});

it("an overflow skips the step and halves the scale, until gradients fit", async () => {
  const { session, run, state } = await opened({ precision: "mixed", averageDecay: 0.9 }, { state: scale(2 ** 24) });
  const before = await state();
  await run(1, 1);
  const after = await state();
  for (const [name, data] of Object.entries(before))
    expect(after[name], name).toEqual(name === SCALE ? Float32Array.of(2 ** 23) : data);
  let runs = 1;
  while ((await state())[GOOD_STEPS]![0] === 0) await run(++runs, 1);
  expect(runs).toBeGreaterThan(3);
  const fits = await state();
  // Each run but the last has halved it.
  expect(fits[SCALE]).toEqual(Float32Array.of(2 ** (25 - runs)));
  expect(fits["conv_stem.weight"]).not.toEqual(before["conv_stem.weight"]);
  for (const [name, data] of Object.entries(fits)) expect(data.every(Number.isFinite), name).toBe(true);
  await session.dispose();
});

it("a batch that overflows adds nothing to what is gathered", async () => {
  const { session, run, state } = await opened({ precision: "mixed", accumulate: 2 }, { state: scale(256) });
  await run(1, 1);
  const gathered = await state();
  await session.setState(scale(2 ** 40));
  await run(2, 1);
  const after = await state();
  expect(after[SCALE]).toEqual(Float32Array.of(2 ** 39));
  const name = "classifier.weight";
  expect(gathered[`gathered/${name}`]!.some((value) => value !== 0)).toBe(true);
  expect(after[`gathered/${name}`]!.every((value) => value === 0)).toBe(true);
  // The update has the first batch's half alone: momentum from 0 is gradient and decay.
  const decay = (i: number): number => OPTIONS.weightDecay * gathered[name]![i]!;
  after[`optimizer/momentum/${name}`]!.forEach((value, i) => {
    expect(value).toBeCloseTo(gathered[`gathered/${name}`]![i]! + decay(i), 6);
  });
  await session.dispose();
});

it("the scale doubles after so many steps without an overflow", async () => {
  const state = { ...scale(128), [GOOD_STEPS]: Float32Array.of(GROWTH_STEPS - 2) };
  const one = await opened({ precision: "mixed" }, { state });
  await one.run(1, 1, 1e-4);
  expect(await one.state()).toMatchObject({ ...scale(128), [GOOD_STEPS]: Float32Array.of(GROWTH_STEPS - 1) });
  await one.run(2, 1, 1e-4);
  expect(await one.state()).toMatchObject({ ...scale(256), [GOOD_STEPS]: Float32Array.of(0) });
  await one.session.dispose();
});

it("a small network learns its batch as in float32", async () => {
  const options = { dropout: 0, dropPath: 0 };
  const last = async (precision: "float32" | "mixed"): Promise<number> => {
    const one = await opened({ ...options, precision }, { state: precision === "mixed" ? scale(256) : {} });
    const losses = await one.run(1, 60, 0.02);
    await one.session.dispose();
    expect(losses[0]).toBeGreaterThan(1);
    return losses.at(-1)!;
  };
  // With a smoothing of 0.1 over three classes no loss is below 0.29.
  for (const precision of ["float32", "mixed"] as const) expect(await last(precision), precision).toBeLessThan(0.45);
});

it("a run keeps the scale in its checkpoint and its log, and exports float32", async () => {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 8; i++) files[`${i % 2 ? "a" : "b"}/${i}.png`] = await encoded(pattern(32 + i, 40));
  const source = await openFolder(await folderOf(files));
  const two = freshModel(model.arch, ["a", "b"], 0);
  const options: TrainOptions = { ...OPTIONS, batchSize: 4, epochs: 1, warmupEpochs: 0, precision: "mixed" };
  const directory = join(await folderOf({}), "run");
  const test = testPreprocessing(two.input, { resolution: 32 });
  await train(two, { train: source, val: source }, options, test, { directory, threads: 1 });
  const { tensors } = await readSafetensors(join(directory, "checkpoint.safetensors"));
  const steps = (await readFile(join(directory, "metrics.jsonl"), "utf8"))
    .split("\n")
    .filter((line) => line.includes('"kind":"step"'))
    .map((line) => JSON.parse(line) as { lossScale: number });
  expect(steps.map(({ lossScale }) => lossScale)[0]).toBe(FIRST_SCALE);
  expect(Number(tensors.get(SCALE)!.data[0])).toBeLessThanOrEqual(steps.at(-1)!.lossScale);
  const exported = await loadModel(join(directory, "model"));
  expect([...exported.tensors.values()].every(({ type }) => type === "float32")).toBe(true);
  expect([...exported.tensors.keys()].filter((name) => name.startsWith("scaling"))).toEqual([]);
});

it("a scale below 1 ends a run", () => {
  checkLossScale(undefined, 1, 0.1);
  checkLossScale(1, 1, 0.1);
  expect(() => checkLossScale(0.5, 7, 0.1)).toThrow(FailedError);
  expect(() => checkLossScale(0.5, 7, 0.1)).toThrow(/beyond float16 with a loss scale of 0\.5 too at step 7/);
});
