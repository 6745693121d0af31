import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { architecture, freshModel, inferenceProgram } from "../models/index.js";
import { elements, nodesFor, parseModel } from "../onnx/index.js";
import { random } from "../random.js";
import { openSession } from "../runtime/index.js";
import { initialState, sgd } from "../train/index.js";
import type { Tensor } from "../weights/index.js";
import { openFeatureStore } from "./features.js";
import {
  divided,
  FEATURES,
  TUNE_MODES,
  type TuneModeName,
  topProgram,
  topStep,
  trunkProgram,
  tuneMode,
} from "./index.js";

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
const TRAINED: Readonly<Record<TuneModeName, readonly string[]>> = {
  classifier: CLASSIFIER,
  "classifier+bn-stats": CLASSIFIER,
  "classifier+bn": ["bn2.bias", "bn2.weight", ...CLASSIFIER],
  head: ["bn2.bias", "bn2.weight", ...CLASSIFIER, "conv_head.weight"],
};

describe.each(Object.keys(TUNE_MODES) as TuneModeName[])("mode %s", (name) => {
  const mode = tuneMode(name);

  it("cuts the network in two that compute what the whole does, with no BatchNorm left below", async () => {
    const division = divided(model, mode, size);
    const trunk = trunkProgram(division, model);
    const below = parseModel(trunk.model);
    expect(nodesFor(Object.values(below.graph.outputs)).map(({ op }) => op)).not.toContain("BatchNormalization");
    const features = (await run(trunk, { pixels }))[FEATURES]!;
    expect(division.features.map(({ shape }) => 3 * elements(shape))).toEqual([features.length]);
    const { logits } = await run(topProgram(division, model), { [FEATURES]: features });
    const whole = await run(inferenceProgram(model, size), { pixels });
    whole.logits!.forEach((v, i) => {
      expect(Math.abs(v - logits![i]!)).toBeLessThan(1e-4);
    });
  });

  it("trains what it names and nothing else", async () => {
    const division = divided(model, mode, size);
    const optimizer = sgd();
    const step = topStep(division, model, { optimizer, labelSmoothing: 0.1 });
    expect([...step.trained].sort()).toEqual(TRAINED[name]);
    const statistics = step.state.filter((key) => key.includes("running_"));
    expect(statistics).toEqual(mode.norm === "frozen" ? [] : ["bn2.running_mean", "bn2.running_var"]);

    const session = await openSession(step.program, { where: "here", threads: 1 });
    const start = initialState(step, optimizer, (key) => model.tensors.get(key)!.data);
    await session.setState(start);
    const features = Float32Array.from({ length: 3 * elements(division.features[0]!.shape) }, (_, i) => Math.sin(i));
    await session.run({
      [FEATURES]: features,
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
    'what to tune is "everything"; choose one of classifier, classifier+bn-stats, classifier+bn, head.',
  );
});

describe("the feature store", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "fixres-features-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.each([
    ["memory", 1000],
    ["disk", 10],
  ] as const)("in %s gives back each row, in any order, and leaves nothing", async (where, memoryBytes) => {
    const path = join(directory, `features-${where}`);
    const store = await openFeatureStore(5, 3, { memoryBytes, path });
    expect(store).toMatchObject({ where, bytes: 60 });
    const row = (i: number): Float32Array => Float32Array.of(i, i + 0.5, -i);
    for (const i of [3, 0, 4, 1, 2]) await store.write(i, row(i));
    const out = new Float32Array(6);
    for (const i of [4, 0, 2, 3, 1]) {
      await store.read(i, out, 3, { at: 0, length: 3 });
      expect(out.subarray(3)).toEqual(row(i));
      await store.read(i, out, 0, { at: 1, length: 2 });
      expect(out.subarray(0, 2)).toEqual(row(i).subarray(1));
    }
    await store.dispose();
    await expect(access(path)).rejects.toThrow();
  });

  it("says where it could not write, and how to do without", async () => {
    const opening = openFeatureStore(5, 3, { memoryBytes: 0, path: join(directory, "nowhere", "features") });
    await expect(opening).rejects.toThrow(
      /the feature cache ".*features" .* cannot be used: no such file or directory. Give it more memory/,
    );
  });
});
