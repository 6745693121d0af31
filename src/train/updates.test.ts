/* Updates against PyTorch and timm: test/golden/train/make.py made the golden values and says how. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gradients } from "../autodiff/index.js";
import { architecture } from "../models/index.js";
import { elements, GraphBuilder, type Value } from "../onnx/index.js";
import { openSession, packed } from "../runtime/index.js";
import {
  crossEntropy,
  initialState,
  type LossOptions,
  layerFactor,
  type OptimizerName,
  optimizer,
  type StepOptions,
  slotName,
  stepGraph,
} from "./index.js";

const golden = JSON.parse(
  readFileSync(new URL("../../test/golden/train/optimizers.json", import.meta.url), "utf8"),
) as {
  steps: number;
  learningRate: number;
  shapes: Record<string, number[]>;
  runs: Record<string, Record<string, number[]>>;
  crossEntropy: { mixed: number; weighted: number; mixedWeighted: number } & Record<
    "logits" | "labels" | "other" | "share" | "weights",
    number[]
  > & { smoothing: number };
  layerScales: Record<string, number>;
};

const NAMES = Object.keys(golden.shapes);
const start = (name: string): Float32Array =>
  Float32Array.from({ length: elements(golden.shapes[name]!) }, (_, i) => Math.sin(1.7 * i + name.length));
const gradientAt = (name: string, step: number): Float32Array =>
  Float32Array.from(
    { length: elements(golden.shapes[name]!) },
    (_, i) => Math.cos(0.9 * i + 0.4 * step + name.length) * (0.5 + 0.25 * step),
  );

/**
 * A network of which the loss -log p(0) has given gradients: the logits are (0, z) with z = Σ c p + d, where d is fed so that z = 0,
 * and the loss log(1 + e^z) has the gradient c / 2.
 */
async function trained(
  options: Partial<StepOptions> & Pick<StepOptions, "optimizer">,
): Promise<Record<string, Float32Array>> {
  const b = new GraphBuilder();
  const shift = b.input("shift", "float32", [1, 1]);
  const factors = NAMES.map((name) => b.input(`c ${name}`, "float32", golden.shapes[name]!));
  const parameters = NAMES.map((name) => b.parameter(name, golden.shapes[name]!));
  const sum = (v: Value): Value => b.reshape(b.reduceSum(b.reshape(v, [elements(v.shape)]), { axes: [0] }), [1, 1]);
  const z = parameters.reduce((total, p, i) => b.add(total, sum(b.mul(p, factors[i]!))), shift);
  const logits = b.concat([b.scale(z, 0), z], 1);
  const labels = b.input("labels", "int32", [1]);
  const network = { logits, statistics: [], noise: [] };
  const step = stepGraph(b, network, [shift, ...factors], labels, start, {
    labelSmoothing: 0,
    trainable: () => true,
    decays: (name) => name === "weight",
    ...options,
  });
  const { accumulate = 1 } = options;
  const session = await openSession(step.program, { where: "here", threads: 1 });
  await session.setState(initialState(step, options.optimizer, start));
  for (let run = 1; run <= golden.steps * accumulate; run++) {
    const state = await session.getState();
    const update = Math.ceil(run / accumulate);
    // Runs of one update have other gradients of the same mean.
    const weight = accumulate === 1 ? 1 : 1 + (((run - 1) % accumulate) - (accumulate - 1) / 2);
    const grads = NAMES.map((name) => gradientAt(name, update).map((v) => 2 * weight * v));
    const at = NAMES.reduce(
      (total, name, i) => total + grads[i]!.reduce((s, c, e) => s + c * (state[name] as Float32Array)[e]!, 0),
      0,
    );
    await session.run({
      shift: Float32Array.of(-at),
      labels: Int32Array.of(0),
      ...Object.fromEntries(NAMES.map((name, i) => [`c ${name}`, grads[i]!])),
      ...step.scalars(run, golden.learningRate),
    });
  }
  const state = await session.getState();
  await session.dispose();
  return state as Record<string, Float32Array>;
}

function expectClose(found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(found.length).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) expect(Math.abs(found[i]! - wanted[i]!), `element ${i}`).toBeLessThan(2e-5);
}

describe("four updates are those of PyTorch and timm", () => {
  const options: Record<string, Partial<StepOptions>> = {
    clipped: { clipNorm: 0.5 },
    rates: { rateFactor: (name) => (name === "weight" ? 0.25 : 1) },
  };
  it.each(Object.keys(golden.runs))("%s", async (run) => {
    const [name, more] = run.split(", ");
    const own = optimizer(name as OptimizerName, { weightDecay: 0.1 });
    const state = await trained({ optimizer: own, ...(more === undefined ? {} : options[more]) });
    for (const [parameter, wanted] of Object.entries(golden.runs[run]!)) expectClose(state[parameter]!, wanted);
  });

  it.each(["sgd", "lamb, clipped"])("%s, each gradient gathered from three runs", async (run) => {
    const [name, more] = run.split(", ");
    const own = optimizer(name as OptimizerName, { weightDecay: 0.1 });
    const state = await trained({ optimizer: own, accumulate: 3, ...(more === undefined ? {} : options[more]) });
    for (const [parameter, wanted] of Object.entries(golden.runs[run]!)) expectClose(state[parameter]!, wanted);
  });
});

describe("the moving average", () => {
  const own = optimizer("sgd", { momentum: 0 });
  it.each([1, 2])("is TensorFlow's with its warm-up, over updates of %i runs", async (accumulate) => {
    const state = await trained({ optimizer: own, average: { decay: 0.3 }, accumulate });
    for (const name of NAMES) {
      const weights = Float64Array.from(start(name));
      const average = Float64Array.from(weights);
      for (let n = 1; n <= golden.steps; n++) {
        const decay = Math.min(0.3, (1 + n) / (10 + n));
        gradientAt(name, n).forEach((g, i) => {
          weights[i]! -= golden.learningRate * g;
          average[i] = decay * average[i]! + (1 - decay) * weights[i]!;
        });
      }
      expectClose(state[name]!, weights);
      expectClose(state[`average/${name}`]!, average);
    }
  });

  it("leaves what it averages and the optimizer's slots as they are without it", async () => {
    const momentum = optimizer("sgd");
    const [plain, averaged] = [
      await trained({ optimizer: momentum }),
      await trained({ optimizer: momentum, average: { decay: 0.9 } }),
    ];
    for (const name of NAMES)
      for (const key of [name, slotName(name, "momentum")]) expect(averaged[key]).toEqual(plain[key]);
  });
});

describe("cross-entropy with two labels and class weights is PyTorch's", () => {
  const { logits: rows, labels, other, share, smoothing, weights } = golden.crossEntropy;
  it.each(["mixed", "weighted", "mixedWeighted"] as const)("%s", async (which) => {
    const b = new GraphBuilder();
    const logits = b.input("logits", "float32", [3, 3]);
    const [first, otherLabels] = [b.input("labels", "int32", [3]), b.input("other", "int32", [3])];
    const mix = { otherLabels, share: b.input("share", "float32", [3]) };
    const options: LossOptions = {
      ...(which === "weighted" ? {} : { mix }),
      ...(which === "mixed" ? {} : { classWeights: weights }),
    };
    const loss = crossEntropy(b, logits, first, smoothing, options);
    const inputs = [logits, first, ...(options.mix ? [mix.otherLabels, mix.share] : [])];
    const session = await openSession(
      packed({ name: "loss", inputs, outputs: { loss } }, () => new Float32Array(0)),
      { where: "here" },
    );
    const out = await session.run({
      logits: Float32Array.from(rows),
      labels: Int32Array.from(labels),
      ...(options.mix ? { other: Int32Array.from(other), share: Float32Array.from(share) } : {}),
    });
    await session.dispose();
    expect(Number(out.loss![0])).toBeCloseTo(golden.crossEntropy[which], 5);
  });
});

it("the gradient of the loss of two labels, weighed by class, is that of its differences", async () => {
  const b = new GraphBuilder();
  const logits = b.input("logits", "float32", [3, 4]);
  const labels = (...values: number[]): Value => b.constant(Int32Array.from(values), "int32", [3]);
  const share = b.constant(Float32Array.of(0.2, 0.9, 0.5), "float32", [3]);
  const mix = { otherLabels: labels(2, 2, 0), share };
  const loss = crossEntropy(b, logits, labels(3, 2, 1), 0.1, { mix, classWeights: [0.5, 1, 2, 1.5] });
  const [gradient] = gradients(b, loss, [logits]);
  const session = await openSession(
    packed({ name: "loss", inputs: [logits], outputs: { loss, gradient: gradient! } }, () => new Float32Array(0)),
    { where: "here" },
  );
  const at = Float32Array.from({ length: 12 }, (_, i) => Math.sin(3 * i));
  const found = (await session.run({ logits: at })).gradient as Float32Array;
  const moved = async (i: number, by: number): Promise<number> =>
    Number((await session.run({ logits: at.map((v, j) => (j === i ? v + by : v)) })).loss![0]);
  for (let i = 0; i < 12; i++)
    expect(found[i]).toBeCloseTo(((await moved(i, 0.01)) - (await moved(i, -0.01))) / 0.02, 3);
  await session.dispose();
});

it("rates fall from the classifier to the stem as in timm", () => {
  const factor = layerFactor(architecture("efficientnet_b0"), 0.75);
  for (const [name, wanted] of Object.entries(golden.layerScales)) expect(factor(name), name).toBeCloseTo(wanted, 12);
});
