import { testPreprocessing } from "../../src/evaluate/index.js";
import type { ExportGraph } from "../../src/export/index.js";
import { architecture, freshModel, type Model } from "../../src/models/index.js";
import { quantizationPlan, type Range, type Value } from "../../src/onnx/index.js";
import { type Picture, testTransform } from "../../src/pixels/index.js";
import { random } from "../../src/random.js";
import { openSession, packed } from "../../src/runtime/index.js";
import type { Tensor } from "../../src/weights/index.js";

/**
 * A fresh network whose logits tell pictures apart, which those of a reference initialisation hardly do: statistics of BatchNorm that
 * keep the signal up, and a classifier of larger weights.
 */
export function uneven(name: string, scale: { width?: number; depth?: number }, classes: number): Model {
  const names = Array.from({ length: classes }, (_, i) => `class-${i}`);
  const model = freshModel(architecture(name, scale), names, 1);
  const tensors = new Map<string, Tensor>();
  for (const [key, tensor] of model.tensors) {
    const stream = random(0, key);
    const data = Float32Array.from(tensor.data as Float32Array, (value) => {
      if (key.endsWith("running_mean")) return 0.1 * stream.normal();
      if (key.endsWith("running_var")) return 0.7 * value * (0.5 + stream.uniform());
      return key === "classifier.weight" ? value + 0.05 * stream.normal() : value;
    });
    tensors.set(key, { ...tensor, data });
  }
  return { ...model, tensors };
}

/** What an export of a model takes of a picture, in Node. */
export function nodePixels(model: Model, picture: Picture, resolution: number): Uint8Array {
  const pixels = new Uint8Array(resolution ** 2 * 3);
  testTransform(testPreprocessing(model.input, { resolution })).apply(picture, pixels, 0);
  return pixels;
}

/** An export's logits in Node. */
export async function nodeLogits(
  model: Uint8Array,
  pixels: Uint8Array,
  shape?: readonly number[],
): Promise<Float32Array> {
  const session = await openSession({ model }, { where: "here", threads: 1 });
  try {
    return Float32Array.from((await session.run({ pixels }, shape && { pixels: shape })).logits as Float32Array);
  } finally {
    await session.dispose();
  }
}

/** The ranges of what is kept in 8 bits, by one picture. */
export async function rangesOn({ graph, data }: ExportGraph, pixels: Uint8Array): Promise<Map<Value, Range>> {
  const { values } = quantizationPlan(graph);
  const outputs = Object.fromEntries(values.map((value, i) => [`value/${i}`, value]));
  const session = await openSession(packed({ ...graph, outputs }, data), { where: "here", threads: 1 });
  const results = Object.values(await session.run({ pixels })) as Float32Array[];
  await session.dispose();
  return new Map(
    values.map((value, i) => [
      value,
      { low: results[i]!.reduce((a, b) => Math.min(a, b)), high: results[i]!.reduce((a, b) => Math.max(a, b)) },
    ]),
  );
}

/** The largest difference of two pictures' logits in parts of the largest logit. */
export function relativeDifference(found: readonly number[], expected: Float32Array): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (found.length !== expected.length || !(largest > 1e-3)) return Number.NaN;
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0) / largest;
}
