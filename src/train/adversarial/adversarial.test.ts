/* AdvProp's step against PyTorch in float64: test/golden/train/advprop.py made the golden values and says how. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { architecture, type EfficientNet, freshModel, parametersOf } from "../../models/index.js";
import { elements, type TypedArray } from "../../onnx/index.js";
import { openSession, packed } from "../../runtime/index.js";
import {
  auxiliaryName,
  defaultTrainOptions,
  initialState,
  mainName,
  optimizer,
  type StepGraph,
  type TrainOptions,
  trainingStep,
  usualSteps,
} from "../index.js";
import { noiseFeeds } from "../noise.js";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/train/advprop.json", import.meta.url), "utf8"),
) as Record<"batch" | "side" | "smoothing" | "learningRate" | "loss" | "auxiliaryLoss" | "every", number> &
  Record<"labels" | "otherLabels" | "share" | "pictures", number[]> & {
    attack: { epsilon: number; steps: number; stepSize: number };
    after: Record<string, number[]>;
    changed: Record<string, [norm: number, projected: number]>;
  };

const CLASSES = ["a", "b", "c"];
const ARCH = architecture("efficientnet_b0", { width: 0.25, depth: 0.25 });
const SHAPES = new Map(parametersOf(ARCH, CLASSES.length).map(({ name, shape }) => [name, shape]));
const HALF = [0.5, 0.5, 0.5];

/** Sessions of these graphs take a while to open. */
const LONG = 180_000;

/** Weights and statistics by a formula that the golden values' script has too; the auxiliary ones are others than the main ones. */
function start(name: string): Float32Array {
  const shape = SHAPES.get(mainName(name))!;
  const phase = [...name].reduce((sum, c) => sum + c.charCodeAt(0), 0) % 97;
  const scale = 1.5 / Math.sqrt(elements(shape.slice(1)));
  return Float32Array.from({ length: elements(shape) }, (_, i) => {
    const wave = Math.sin(1.7 * i + phase);
    if (name.endsWith("running_var")) return 1 + 0.3 * wave;
    if (name.endsWith("running_mean")) return 0.1 * wave;
    if (shape.length > 1) return scale * wave;
    return name.endsWith(".weight") ? 1 + 0.2 * wave : 0.1 * wave;
  });
}

const fresh = freshModel(ARCH, CLASSES, 0);
const model: EfficientNet = {
  ...fresh,
  input: { ...fresh.input, mean: HALF, std: HALF },
  tensors: new Map([...fresh.tensors].map(([name, tensor]) => [name, { ...tensor, data: start(name) }])),
};
const options: TrainOptions = {
  ...defaultTrainOptions({ resolution: golden.side, dropout: 0 }),
  batchSize: golden.batch,
  dropPath: 0,
  momentum: 0,
  weightDecay: 0,
  labelSmoothing: golden.smoothing,
  advEpsilon: golden.attack.epsilon,
  advSteps: golden.attack.steps,
  advStepSize: golden.attack.stepSize,
};
const sgd = optimizer("sgd", { momentum: 0 });
const bytes = golden.batch * golden.side ** 2 * 3;
const feeds = {
  pixels: Uint8Array.from({ length: bytes }, (_, i) => (i * 7919 + (i % 97) * 31) % 256),
  labels: Int32Array.from(golden.labels),
  otherLabels: Int32Array.from(golden.otherLabels),
  share: Float32Array.from(golden.share),
};
const noise = { "noise/start": Uint8Array.from({ length: bytes }, (_, i) => (i * 4099 + (i % 89) * 57) % 256) };

/** One step. @param weights - where it starts */
async function stepped(
  step: StepGraph,
  fed: Record<string, TypedArray>,
  weights: (name: string) => TypedArray = start,
): Promise<{ out: Record<string, TypedArray>; state: Record<string, TypedArray> }> {
  const session = await openSession(step.program, { where: "here", threads: 1 });
  await session.setState(initialState(step, sgd, weights));
  const out = await session.run({ ...fed, ...step.scalars(1, golden.learningRate) });
  const state = await session.getState();
  await session.dispose();
  return { out, state };
}

/** The adversarial pictures of a step, before its update. */
async function picturesOf(step: StepGraph, fed: Record<string, TypedArray>): Promise<Float32Array> {
  const needed = step.graph.inputs.filter(({ name }) => Object.hasOwn(fed, name));
  const graph = { name: "attack", inputs: needed, outputs: { pictures: step.adversarial! } };
  const session = await openSession(
    packed(graph, ({ name }) => start(name)),
    { where: "here" },
  );
  const { pictures } = await session.run(fed);
  await session.dispose();
  return pictures as Float32Array;
}

/** Pictures of bytes as the graph has them: channels first. */
const planesOf = (pixels: Uint8Array): Float32Array => {
  const area = golden.side ** 2;
  return Float32Array.from(pixels, (_, i) => {
    const [n, channel, pixel] = [Math.floor(i / (3 * area)), Math.floor(i / area) % 3, i % area];
    return pixels[(n * area + pixel) * 3 + channel]!;
  });
};

describe("a step is that of PyTorch in float64", () => {
  const step = trainingStep(model, options, { mixed: true });

  it(
    "in the adversarial pictures",
    async () => {
      const pictures = await picturesOf(step, { ...feeds, ...noise });
      // The sign of a gradient near 0 is another in float32, which moves the pixel elsewhere.
      const others = golden.pictures.filter((wanted, i) => Math.abs(pictures[i * golden.every]! - wanted) > 2e-3);
      expect(others.length / golden.pictures.length).toBeLessThan(2e-3);
      const clean = planesOf(feeds.pixels);
      expect(pictures.every((v, i) => v >= 0 && v <= 255 && Math.abs(v - clean[i]!) <= golden.attack.epsilon)).toBe(
        true,
      );
      expect(pictures.some((v, i) => Math.abs(v - clean[i]!) === golden.attack.epsilon)).toBe(true);
    },
    LONG,
  );

  it(
    "in both losses, in what moves, and in both sets of running statistics",
    async () => {
      const { out, state } = await stepped(step, { ...feeds, ...noise });
      expect(Number(out.loss![0])).toBeCloseTo(golden.loss, 5);
      expect(Number(out.auxiliaryLoss![0])).toBeCloseTo(golden.auxiliaryLoss, 3);
      for (const [name, wanted] of Object.entries(golden.after))
        for (const [i, v] of wanted.entries()) expect(Math.abs(Number(state[name]![i]) - v), name).toBeLessThan(1e-3);
      const tensors = step.state.filter((name) => !name.startsWith("optimizer/"));
      expect(tensors.sort()).toEqual(Object.keys(golden.changed).sort());
      for (const [name, [norm, projected]] of Object.entries(golden.changed)) {
        const before = start(name);
        const moved = Array.from(state[name] as Float32Array, (v, i) => v - before[i]!);
        const tolerance = 5e-3 * norm + 1e-5;
        expect(Math.abs(Math.hypot(...moved) - norm), `norm of ${name}`).toBeLessThan(tolerance);
        const found = moved.reduce((sum, v, i) => sum + v * Math.cos(0.3 * i), 0);
        expect(Math.abs(found - projected), `projection of ${name}`).toBeLessThan(tolerance * Math.sqrt(moved.length));
      }
    },
    LONG,
  );
});

describe("an attack of no strength", () => {
  const plain = { pixels: feeds.pixels, labels: feeds.labels };

  it("with ε 0 is no attack: the graph is that of a plain step", () => {
    const [without, zero] = [
      trainingStep(model, { ...options, advEpsilon: 0, advSteps: 0 }),
      trainingStep(model, { ...options, advEpsilon: 0 }),
    ];
    expect(zero.program.model).toEqual(without.program.model);
    expect(zero.adversarial).toBeUndefined();
  });

  it("with no steps moves pictures as the noise says", async () => {
    const step = trainingStep(model, { ...options, advSteps: 0 });
    const pictures = await picturesOf(step, { ...plain, ...noise });
    const offsets = planesOf(noise["noise/start"]);
    planesOf(feeds.pixels).forEach((v, i) => {
      const wanted = Math.min(255, Math.max(0, v + ((offsets[i]! - 127.5) / 127.5) * golden.attack.epsilon));
      expect(Math.abs(pictures[i]! - wanted)).toBeLessThan(1e-4);
    });
  });

  it(
    "where both BatchNorms are alike, teaches the same again: twice a plain step",
    async () => {
      const tiny = trainingStep(model, { ...options, advEpsilon: 1e-30, advSteps: 1 });
      const both = await stepped(tiny, { ...plain, ...noise }, (name) => start(mainName(name)));
      const once = await stepped(trainingStep(model, { ...options, advEpsilon: 0 }), plain);
      expect(Number(both.out.loss![0])).toBeCloseTo(Number(once.out.loss![0]), 6);
      expect(Number(both.out.auxiliaryLoss![0])).toBeCloseTo(Number(once.out.loss![0]), 4);
      for (const [name, factor] of [
        ["classifier.weight", 2],
        ["blocks.3.0.conv_pwl.weight", 2],
        ["bn2.bias", 1],
        ["bn2.aux_bn.0.bias", 1],
        ["bn2.aux_bn.0.running_var", 1],
      ] as const) {
        const [now, then] = [both.state[name] as Float32Array, once.state[mainName(name)] as Float32Array];
        const before = start(mainName(name));
        now.forEach((v, i) => {
          expect(Math.abs(v - before[i]! - factor * (then[i]! - before[i]!)), name).toBeLessThan(1e-4);
        });
      }
    },
    LONG,
  );
});

describe("auxiliary BatchNorms", () => {
  it("are named as timm names them", () => {
    expect(auxiliaryName("blocks.1.0.bn2.running_var")).toBe("blocks.1.0.bn2.aux_bn.0.running_var");
    expect(auxiliaryName("conv_stem.weight")).toBe("conv_stem.weight");
    for (const name of SHAPES.keys()) expect(mainName(auxiliaryName(name))).toBe(name);
  });

  it("start as copies, are averaged, and are not there where a part is frozen", () => {
    const own = { ...options, freeze: ["stem", "blocks.0-4"], averageDecay: 0.9, accumulate: 2, clipNorm: 1 };
    const step = trainingStep(model, own);
    const auxiliary = step.state.filter((name) => name.includes(".aux_bn."));
    expect(auxiliary.some((name) => /^(bn1|blocks\.[0-4])/.test(name))).toBe(false);
    expect(auxiliary).toContain("average/blocks.5.0.bn1.aux_bn.0.running_mean");
    expect(auxiliary).toContain("gathered/bn2.aux_bn.0.weight");
    const state = initialState(step, sgd, (name) => start(mainName(name)));
    expect(state["average/bn2.aux_bn.0.weight"]).toEqual(start("bn2.weight"));
  });
});

it("the attack starts at bytes that are a function of seed and step", () => {
  const { noise: inputs } = trainingStep(model, { ...options, dropout: 0.2, dropPath: 0.2 });
  expect(inputs.filter(({ keep }) => keep !== null)).toHaveLength(2);
  const [a, same, other] = [noiseFeeds(inputs, 1, 7), noiseFeeds(inputs, 1, 7), noiseFeeds(inputs, 1, 8)];
  const values = a["noise/start"] as Uint8Array;
  expect(values).toEqual(same["noise/start"]);
  expect(values).not.toEqual(other["noise/start"]);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  expect(Math.abs(mean - 127.5)).toBeLessThan(3);
  expect(new Set(values).size).toBe(256);
});

it("steps are the paper's where none are given", () => {
  expect([0, 0.5, 1, 2, 3, 4].map(usualSteps)).toEqual([0, 1, 1, 3, 4, 5]);
});
