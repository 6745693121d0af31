import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { architecture, efficientnet, freshModel, type TrainingBehaviour } from "../models/index.js";
import { GraphBuilder, nodesFor, type TypedArray } from "../onnx/index.js";
import { openSession, packed } from "../runtime/index.js";
import {
  checkSchedule,
  checkTrainOptions,
  crossEntropy,
  defaultTrainOptions,
  initialState,
  learningRateAt,
  OPTIMIZERS,
  optimizer,
  type Schedule,
  stepForm,
  stepGraph,
  trainingStep,
} from "./index.js";
import { noiseFeeds } from "./noise.js";

describe("schedules", () => {
  const schedule: Schedule = { name: "constant", learningRate: 0.4, epochs: 10, warmupEpochs: 2 };
  it.each([
    ["constant", [0, 0.2, 0.4, 0.4, 0.4]],
    ["cosine", [0, 0.2, 0.2 * (1 + Math.cos(Math.PI * 0.2)), 0.2, 0]],
    ["step", [0, 0.2, 0.4, 0.1, 0.025]],
    ["exponential", [0, 0.2, 0.4 * 0.25 ** 0.5, 0.4 * 0.25 ** 1.25, 0.4 * 0.25 ** 2.5]],
  ] as const)("%s, after a warm-up", (name, wanted) => {
    const own = { ...schedule, name, decayFactor: 0.25, decayEpochs: 4 };
    const found = [0, 1, 2, 5, 10].map((epoch) => learningRateAt(own, epoch));
    found.forEach((rate, i) => {
      expect(rate).toBeCloseTo(wanted[i]!, 12);
    });
  });

  it("are checked", () => {
    expect(() => checkSchedule({ ...schedule, learningRate: 0 })).toThrow("the learning rate is 0; it must be above 0");
    expect(() => checkSchedule({ ...schedule, warmupEpochs: 11 })).toThrow("warm-up of 11 epochs must lie within");
  });
});

it("options are checked by name", () => {
  const options = defaultTrainOptions({ resolution: 32, dropout: 0.2 });
  expect(checkTrainOptions(options)).toEqual(options);
  expect(() => checkTrainOptions({ ...options, epochs: 0 })).toThrow(RequestError);
  expect(() => checkTrainOptions({ ...options, epochs: 0 })).toThrow(/^epochs is 0/);
});

describe("noise", () => {
  const b = new GraphBuilder();
  const noise = [{ input: b.input("noise/dropout", "float32", [100, 200]), keep: 0.8 }];
  it("keeps the mean, is a function of seed and step, and holds only 0 and 1 / keep", () => {
    const [a, same, other] = [noiseFeeds(noise, 1, 7), noiseFeeds(noise, 1, 7), noiseFeeds(noise, 1, 8)];
    const values = a["noise/dropout"] as Float32Array;
    expect(values).toEqual(same["noise/dropout"]);
    expect(values).not.toEqual(other["noise/dropout"]);
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.8)]));
    expect(values.reduce((sum, v) => sum + v, 0) / values.length).toBeCloseTo(1, 1);
  });
});

it("cross-entropy with label smoothing is that of its definition", async () => {
  const b = new GraphBuilder();
  const [logits, labels] = [b.input("logits", "float32", [2, 3]), b.input("labels", "int32", [2])];
  const loss = crossEntropy(b, logits, labels, 0.3);
  const session = await openSession(
    packed({ name: "loss", inputs: [logits, labels], outputs: { loss } }, () => new Float32Array(0)),
    { where: "here" },
  );
  const rows = [
    [1, -2, 0.5],
    [3, 3, -1],
  ];
  const out = await session.run({ logits: Float32Array.from(rows.flat()), labels: Int32Array.of(2, 0) });
  await session.dispose();
  const wanted = rows.map((row, r) => {
    const sum = Math.log(row.reduce((s, v) => s + Math.exp(v), 0));
    return -row.reduce((s, v, c) => s + (v - sum) * (0.1 + (c === [2, 0][r] ? 0.7 : 0)), 0);
  });
  expect(Number(out.loss![0])).toBeCloseTo((wanted[0]! + wanted[1]!) / 2, 5);
});

const ARCH = architecture("efficientnet_b0", { width: 0.25, depth: 0.25 });
const model = freshModel(ARCH, ["a", "b", "c"], 0);
const weights = (name: string): TypedArray => model.tensors.get(name)!.data;
const options = { ...defaultTrainOptions({ resolution: 32, dropout: 0 }), batchSize: 6, dropPath: 0 };
const batch = {
  pixels: Uint8Array.from({ length: 6 * 32 * 32 * 3 }, (_, i) => (i * 7919 + (i % 97) * 31) % 256),
  labels: Int32Array.of(0, 1, 2, 0, 1, 2),
};

describe("a training step", () => {
  it.each(OPTIMIZERS)("lowers the loss on a batch that it sees again: %s", async (name) => {
    const own = optimizer(name);
    const step = trainingStep(model, { ...options, optimizer: name });
    const session = await openSession(step.program, { where: "here", threads: 1 });
    await session.setState(initialState(step, own, weights));
    const losses: number[] = [];
    for (let i = 1; i <= 20; i++) {
      const scalars = Object.entries(own.scalars(i, name === "sgd" ? 0.01 : 0.002));
      const fed = Object.fromEntries(scalars.map(([key, value]) => [`step/${key}`, Float32Array.of(value)]));
      losses.push(Number((await session.run({ ...batch, ...fed })).loss![0]));
    }
    await session.dispose();
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! * 0.8);
  });

  it("computes the same for any engine, with BatchNorm in primitive operators, and in the CPU's own operators", async () => {
    const cpu = await stepForm();
    if (cpu.block !== null) {
      const ops = new Set(nodesFor(Object.values(trainingStep(model, options, cpu).graph.outputs)).map(({ op }) => op));
      expect(ops).toContain("com.microsoft.nchwc.Conv");
    }
    const after = await Promise.all(
      [{}, { batchNorm: "primitive" } as const, cpu].map(async (form) => {
        const step = trainingStep(model, options, form);
        const session = await openSession(step.program, { where: "here", threads: 1 });
        await session.setState(initialState(step, optimizer("sgd"), weights));
        const { loss } = await session.run({ ...batch, "step/learningRate": Float32Array.of(0.1) });
        const state = await session.getState();
        await session.dispose();
        return { loss: Number(loss![0]), state };
      }),
    );
    for (const { loss, state } of after.slice(1)) {
      expect(loss).toBeCloseTo(after[0]!.loss, 4);
      for (const name of ["bn1.running_mean", "bn1.running_var", "conv_stem.weight", "classifier.weight"]) {
        const [a, b] = [after[0]!.state[name] as Float32Array, state[name] as Float32Array];
        a.forEach((v, i) => {
          expect(Math.abs(v - b[i]!), name).toBeLessThan(1e-3 * Math.max(1, Math.abs(v)));
        });
      }
    }
  });

  it("moves only what is trainable, and statistics only where the norm follows the batch", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [4, 3, 32, 32]);
    const labels = b.input("labels", "int32", [4]);
    const training: TrainingBehaviour = { batchStatistics: (layer) => layer === "bn2", dropout: 0, dropPath: 0 };
    const network = efficientnet(b, x, ARCH, { classes: 3, training });
    const trainable = (name: string): boolean => name.startsWith("classifier.");
    const own = optimizer("sgd");
    const step = stepGraph(b, network, [x], labels, weights, { optimizer: own, labelSmoothing: 0, trainable });
    expect(step.trained).toEqual(["classifier.weight", "classifier.bias"]);
    expect(step.state.filter((name) => !name.startsWith("optimizer/"))).toEqual([
      "classifier.weight",
      "classifier.bias",
      "bn2.running_mean",
      "bn2.running_var",
    ]);
  });

  it("moves nothing of frozen parts, whose norms keep their statistics, and averages what moves", async () => {
    const own = { ...options, freeze: ["stem", "blocks.0-4"], averageDecay: 0.9, accumulate: 2 };
    const deep = freshModel(architecture("efficientnet_b0", { width: 0.25 }), ["a", "b", "c"], 0);
    const { noise } = trainingStep(deep, { ...own, dropPath: 0.2 });
    expect([...new Set(noise.map(({ input }) => /blocks\.\d/.exec(input.name)![0]))]).toEqual(["blocks.5"]);
    const step = trainingStep(model, own);
    expect(
      step.state.filter((name) => /conv_stem|\bbn1\.|blocks\.[0-4]/.test(name) && !/blocks\.[56]/.test(name)),
    ).toEqual([]);
    const moving = step.state.filter((name) => !/^(optimizer|gathered|average)/.test(name));
    expect(moving).toContain("blocks.5.0.bn1.running_mean");
    expect(step.state.filter((name) => name.startsWith("average/"))).toEqual(moving.map((name) => `average/${name}`));
    expect(step.trained).toContain("blocks.5.0.conv_pw.weight");
    const session = await openSession(step.program, { where: "here", threads: 1 });
    await session.setState(initialState(step, optimizer("sgd"), weights));
    await session.run({ ...batch, ...step.scalars(1, 0.1) });
    const before = await session.getState();
    expect(before["classifier.weight"]).toEqual(weights("classifier.weight"));
    await session.run({ ...batch, ...step.scalars(2, 0.1) });
    const after = await session.getState();
    await session.dispose();
    expect(after["classifier.weight"]).not.toEqual(weights("classifier.weight"));
    expect((after["gathered/classifier.weight"] as Float32Array).every((v) => v === 0)).toBe(true);
  });

  it("is the same from small batches that gather as from a large one, where no norm follows the batch", async () => {
    const run = async (batchSize: number): Promise<Record<string, TypedArray>> => {
      const b = new GraphBuilder();
      const x = b.input("x", "float32", [batchSize, 3, 32, 32]);
      const labels = b.input("labels", "int32", [batchSize]);
      const training: TrainingBehaviour = { batchStatistics: () => false, dropout: 0, dropPath: 0 };
      const network = efficientnet(b, x, ARCH, { classes: 3, training });
      const own = optimizer("sgd");
      const accumulate = 6 / batchSize;
      const step = stepGraph(b, network, [x], labels, weights, {
        optimizer: own,
        labelSmoothing: 0.1,
        trainable: (name) => !name.includes("running_"),
        clipNorm: 1,
        accumulate,
      });
      const session = await openSession(step.program, { where: "here", threads: 1 });
      await session.setState(initialState(step, own, weights));
      for (let i = 1; i <= 2 * accumulate; i++) {
        const first = ((i - 1) % accumulate) * batchSize;
        const pixels = Float32Array.from(batch.pixels, (v) => v / 128 - 1);
        await session.run({
          x: pixels.subarray(first * 3072, (first + batchSize) * 3072),
          labels: batch.labels.subarray(first, first + batchSize),
          ...step.scalars(i, 0.1),
        });
      }
      const state = await session.getState();
      await session.dispose();
      return state;
    };
    const [large, small] = [await run(6), await run(2)];
    for (const name of ["conv_stem.weight", "blocks.3.0.conv_pw.weight", "classifier.weight"]) {
      const [a, b] = [large[name] as Float32Array, small[name] as Float32Array];
      a.forEach((v, i) => {
        expect(Math.abs(v - b[i]!), name).toBeLessThan(1e-5 * Math.max(1, Math.abs(v)));
      });
      expect(a).not.toEqual(weights(name));
    }
  });
});
