import { expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { architecture, freshModel } from "../models/index.js";
import { nodesFor } from "../onnx/index.js";
import { openSession } from "../runtime/index.js";
import { defaultTrainOptions, initialState, keptBytes, optimizer, partsOf, stepWithin, trainingStep } from "./index.js";
import { noiseFeeds } from "./noise.js";
import { recomputedParts } from "./recompute.js";

const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.5 }), ["a", "b", "c"], 0);
const OPTIONS = { ...defaultTrainOptions({ resolution: 48, dropout: 0.3 }), batchSize: 6, dropPath: 0.5, clipNorm: 1 };
const silent = { start: () => ({ advance() {}, end() {} }), note() {} };

/** The state after three steps, and their losses. */
async function trained(batchNorm: "operator" | "primitive", recompute?: (part: string) => boolean) {
  const step = trainingStep(model, OPTIONS, { batchNorm, recompute });
  const session = await openSession(step.program, { where: "here", threads: 1 });
  await session.setState(initialState(step, optimizer("sgd"), (name) => model.tensors.get(name)!.data));
  const losses: number[] = [];
  for (let run = 1; run <= 3; run++) {
    const pixels = Uint8Array.from({ length: 6 * 48 * 48 * 3 }, (_, i) => (i * 7919 * run) % 251);
    const labels = Int32Array.from({ length: 6 }, (_, i) => i % 3);
    const noise = noiseFeeds(step.noise, 0, run);
    losses.push(Number((await session.run({ pixels, labels, ...noise, ...step.scalars(run, 0.05) })).loss![0]));
  }
  const state = await session.getState();
  await session.dispose();
  return { losses, state, nodes: nodesFor(Object.values(step.graph.outputs)).length };
}

it.each(["operator", "primitive"] as const)(
  "training is the same to the last bit, dropout, drop path and running statistics too (BatchNorm as %s)",
  async (batchNorm) => {
    const kept = await trained(batchNorm);
    for (const parts of ["all", "blocks.1-3,head"]) {
      const again = await trained(batchNorm, recomputedParts(model.arch, parts));
      expect(again.losses).toEqual(kept.losses);
      expect(again.state).toEqual(kept.state);
      expect(again.nodes).toBeGreaterThan(kept.nodes + 50);
    }
    expect(kept.losses[0]).not.toBe(kept.losses[2]);
  },
);

it("what is kept is what parts take, and what the loss needs", () => {
  const step = (parts: string) => trainingStep(model, OPTIONS, { recompute: recomputedParts(model.arch, parts) });
  const [none, all, stem] = [step("none"), step("all"), step("stem")].map(keptBytes) as [number, number, number];
  expect(all).toBeLessThan(none / 4);
  expect(stem).toBeLessThan(none);
  expect(stem).toBeGreaterThan(all);
  // The stem's channels at half of the resolution: convolution and sigmoid, since swish is the next part's; less some statistics.
  expect((none - stem) / (2 * 6 * 8 * 24 * 24 * 4)).toBeCloseTo(1, 2);
});

it("adversarial pictures take as much once more, and none of their attack's activations stay either", () => {
  const adversarial = { ...OPTIONS, advEpsilon: 4, advSteps: 1 };
  const step = (parts: string) => trainingStep(model, adversarial, { recompute: recomputedParts(model.arch, parts) });
  expect(keptBytes(step("none")) / keptBytes(trainingStep(model, OPTIONS))).toBeCloseTo(2, 1);
  expect(keptBytes(step("all"))).toBeLessThan(keptBytes(step("none")) / 4);
  const ofAttack = (parts: string) =>
    nodesFor(Object.values(step(parts).graph.outputs)).filter(({ name }) => /attack\/.*again\//.test(name)).length;
  expect(ofAttack("none")).toBe(0);
  expect(ofAttack("all")).toBeGreaterThan(50);
});

it("auto computes again what does not fit into half of the memory", () => {
  const notes: string[] = [];
  const progress = { ...silent, note: (text: string) => void notes.push(text) };
  const build = (recompute?: (part: string) => boolean) => trainingStep(model, OPTIONS, { recompute });
  const kept = keptBytes(build());
  const within = (bytes: number) => keptBytes(stepWithin(build, model.arch, {}, progress, bytes));
  expect(within(2 * kept)).toBe(kept);
  expect(notes).toEqual([]);
  expect(within(2 * kept - 2)).toBeLessThan(kept / 4);
  expect(notes).toEqual([
    expect.stringMatching(/^the activations of a step take 0\.0 GiB, more than 50(\.0+)?% of the memory/),
  ]);
  // A GPU's memory is not this one's.
  expect(keptBytes(stepWithin(build, model.arch, { device: "webgpu" }, progress, 1))).toBe(kept);
  expect(keptBytes(stepWithin(build, model.arch, { recompute: "none" }, progress, 1))).toBe(kept);
});

it("parts are named as those that are frozen", () => {
  expect(partsOf(model.arch).filter(recomputedParts(model.arch, "stem,blocks.0-1")!)).toEqual(
    expect.arrayContaining(["stem", "blocks.0.0", "blocks.1.0"]),
  );
  expect(() => recomputedParts(model.arch, "blocks.9")).toThrow(RequestError);
  expect(() => recomputedParts(model.arch, "blocks.9")).toThrow(
    '"blocks.9" names no part of efficientnet_b0; recompute none, all, stem, head, classifier, stages',
  );
});
