import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { toFloat16 } from "../half.js";
import { architecture, freshModel, inferenceProgram, isTrainable } from "../models/index.js";
import { elements, nodesFor, parseModel } from "../onnx/index.js";
import { random } from "../random.js";
import { openSession } from "../runtime/index.js";
import { initialState, sgd } from "../train/index.js";
import type { Tensor } from "../weights/index.js";
import { divided, topProgram, topStep, trunkProgram, tuneMode } from "./index.js";

const ARCH = architecture("tf_efficientnet_b0", { width: 0.25, depth: 0.25 });
const fresh = freshModel(ARCH, ["a", "b", "c"], 4);
/** With statistics and affine parts that are not the identity. */
const model = {
  ...fresh,
  tensors: new Map<string, Tensor>(
    [...fresh.tensors].map(([name, tensor]) => {
      const stream = random(0, name);
      const data = (tensor.data as Float32Array).map((v) => (tensor.shape.length > 1 ? v : v + 0.1 * stream.uniform()));
      return [name, { ...tensor, data }];
    }),
  ),
};
const size = { resolution: 45, batch: 3 };
const pixels = Uint8Array.from({ length: 3 * 45 * 45 * 3 }, (_, i) => (i * 7919 + (i % 89) * 57) % 256);

async function run(program: Parameters<typeof openSession>[0], feeds: Record<string, Uint8Array | Float32Array>) {
  const session = await openSession(program, { where: "here", threads: 1 });
  const out = await session.run(feeds);
  await session.dispose();
  return out as Record<string, Float32Array>;
}

const CLASSIFIER = ["classifier.bias", "classifier.weight"];
const named = (pattern: RegExp): string[] =>
  [...model.tensors.keys()].filter((key) => pattern.test(key) && isTrainable(key));
const TRAINED: Readonly<Record<string, readonly string[]>> = {
  classifier: CLASSIFIER,
  "classifier+bn-stats": CLASSIFIER,
  "classifier+bn": ["bn2.bias", "bn2.weight", ...CLASSIFIER],
  head: ["bn2.bias", "bn2.weight", ...CLASSIFIER, "conv_head.weight"],
  "last:1": named(/^(classifier|conv_head|bn2|blocks\.6\.0)\./),
  "match:^blocks\\.6\\.0\\.bn": named(/^blocks\.6\.0\.bn/),
  all: named(/./),
};
/** The BatchNorms that normalise by the batch. */
const BY_BATCH: Readonly<Record<string, RegExp>> = {
  classifier: /^$/,
  "last:1": /^(bn2|blocks\.6\.0\.bn\d)\./,
  "match:^blocks\\.6\\.0\\.bn": /^blocks\.6\.0\.bn\d\./,
  all: /./,
};

describe.each(Object.keys(TRAINED))("mode %s", (name) => {
  const mode = tuneMode(name);

  it("cuts the network in two that compute what the whole does, with no BatchNorm left below", async () => {
    const division = divided(model, mode, size);
    const trunk = trunkProgram(division, model);
    const below = parseModel(trunk.model);
    expect(nodesFor(Object.values(below.graph.outputs)).map(({ op }) => op)).not.toContain("BatchNormalization");
    const features = await run(trunk, { pixels });
    expect(division.features.map(({ shape }) => 3 * elements(shape))).toEqual(
      division.features.map((feature) => features[feature.name]!.length),
    );
    const { logits } = await run(topProgram(division, model), features);
    const whole = await run(inferenceProgram(model, size), { pixels });
    whole.logits!.forEach((v, i) => {
      expect(Math.abs(v - logits![i]!)).toBeLessThan(1e-4);
    });
  });

  it("keeps features as float16, which the engine rounds to the nearest", async () => {
    const [exact, rounded] = [divided(model, mode, size), divided(model, mode, size, "float16")];
    const features = await run(trunkProgram(exact, model), { pixels });
    const halves = await run(trunkProgram(rounded, model), { pixels });
    for (const { name } of exact.features) expect(halves[name]).toEqual(toFloat16(features[name]!));
    const { logits } = await run(topProgram(exact, model), features);
    const { logits: found } = await run(topProgram(rounded, model), halves);
    logits!.forEach((v, i) => {
      expect(Math.abs(v - found![i]!)).toBeLessThan(2e-3);
    });
  });

  it("takes parameters that are fed, in place of the model's", async () => {
    const division = divided(model, mode, size);
    const features = await run(trunkProgram(division, model), { pixels });
    const { logits } = await run(topProgram(division, model), features);
    const other = [...model.tensors].map(([name, tensor]) => {
      const data = division.trained.has(name) ? (tensor.data as Float32Array).map((v) => 2 * v) : tensor.data;
      return [name, { ...tensor, data } as Tensor] as const;
    });
    const program = topProgram(division, { tensors: new Map(other) }, division.trained);
    const own = Object.fromEntries(
      [...division.trained].map((name) => [name, model.tensors.get(name)!.data as Float32Array]),
    );
    const { logits: found } = await run(program, { ...features, ...own });
    // The engine fuses what it knows, so that last digits differ.
    logits!.forEach((v, i) => {
      expect(Math.abs(v - found![i]!)).toBeLessThan(1e-5);
    });
  });

  it("trains what it names and nothing else", async () => {
    const division = divided(model, mode, size);
    const optimizer = sgd();
    const step = topStep(division, model, { optimizer, labelSmoothing: 0.1 });
    expect([...step.trained].sort()).toEqual([...TRAINED[name]!].sort());
    const statistics = [...model.tensors.keys()].filter((key) => key.includes("running_"));
    expect(step.state.filter((key) => key.includes("running_")).sort()).toEqual(
      statistics.filter((key) => (BY_BATCH[name] ?? /^bn2\./).test(key)).sort(),
    );

    const session = await openSession(step.program, { where: "here", threads: 1 });
    const start = initialState(step, optimizer, (key) => model.tensors.get(key)!.data);
    await session.setState(start);
    const features = Object.fromEntries(
      division.features.map((feature) => [
        feature.name,
        Float32Array.from({ length: 3 * elements(feature.shape) }, (_, i) => Math.sin(i)),
      ]),
    );
    await session.run({
      ...features,
      labels: Int32Array.of(0, 1, 2),
      "step/learningRate": Float32Array.of(0.1),
    });
    const after = await session.getState();
    await session.dispose();
    for (const key of step.state) expect(after[key], key).not.toEqual(start[key]);
  });
});

it("refuses an unknown mode and lists those that are", () => {
  expect(() => tuneMode("everything")).toThrow(RequestError);
  expect(() => tuneMode("everything")).toThrow(
    'what to tune is "everything"; choose one of classifier, classifier+bn-stats, classifier+bn, head, last:K, all, match:PATTERN, such as',
  );
  expect(() => tuneMode("last:0")).toThrow(RequestError);
  expect(() => tuneMode("match:(")).toThrow(/which is no regular expression/);
  expect(() => divided(model, tuneMode("last:9"), size)).toThrow("tf_efficientnet_b0 has 7 blocks, fewer than 9;");
  expect(() => divided(model, tuneMode("match:fc"), size)).toThrow("no parameter of tf_efficientnet_b0 matches fc;");
});
