import { expect, it } from "vitest";
import { architecture, freshModel, inferenceGraph, weightsOf } from "../models/index.js";
import { random } from "../random.js";
import { openSession, packed } from "../runtime/index.js";
import { classActivation, lastMaps } from "./activation.js";

it("is a map whose mean is the logit without its bias", async () => {
  const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b", "c"], 3);
  const graph = inferenceGraph(model, { resolution: 96, batch: 1 });
  const last = lastMaps(graph, model.tensors, 3)!;
  const [, channels, height, width] = last.maps.shape as [number, number, number, number];
  expect([height, width]).toEqual([3, 3]);
  const outputs = { ...graph.outputs, maps: last.maps };
  const session = await openSession(packed({ ...graph, outputs }, weightsOf(model)), { where: "here", threads: 1 });
  const stream = random(0, "activation");
  const { logits, maps } = await session.run({
    pixels: Uint8Array.from({ length: 96 * 96 * 3 }, () => stream.integer(256)),
  });
  await session.dispose();
  const bias = model.tensors.get("classifier.bias")!.data as Float32Array;
  for (const label of [0, 1, 2]) {
    const weights = last.weightsOf(label);
    expect(weights).toHaveLength(channels);
    const { values } = classActivation(maps as Float32Array, weights, height, width);
    expect(Math.max(...values.map(Math.abs))).toBeCloseTo(1, 6);
    const largest = largestOf(maps as Float32Array, weights, height * width);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean * largest + bias[label]!).toBeCloseTo((logits as Float32Array)[label]!, 5);
  }
});

/** The largest magnitude of Σ w f, in float64. */
function largestOf(maps: Float32Array, weights: Float32Array, pixels: number): number {
  const sums = Array.from({ length: pixels }, (_, i) =>
    weights.reduce((sum, weight, k) => sum + weight * maps[k * pixels + i]!, 0),
  );
  return Math.max(...sums.map(Math.abs));
}

it("is nothing where no evidence is", () => {
  const { values } = classActivation(new Float32Array(8), Float32Array.of(1, -1), 2, 2);
  expect([...values]).toEqual([0, 0, 0, 0]);
});

it("is one pixel of the last maps where a picture is as small as their stride, not of an earlier block's", () => {
  const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b", "c"], 3);
  const last = lastMaps(inferenceGraph(model, { resolution: 32, batch: 1 }), model.tensors, 3);
  const channels = model.tensors.get("classifier.weight")!.shape[1]!;
  expect(last?.maps.shape).toEqual([1, channels, 1, 1]);
});
