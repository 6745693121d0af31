import { testPreprocessing } from "../../src/evaluate/index.js";
import { architecture, freshModel, type Model } from "../../src/models/index.js";
import { edited } from "../../src/onnx/proto.testing.js";
import { type Picture, testTransform } from "../../src/pixels/index.js";
import { random } from "../../src/random.js";
import { openSession } from "../../src/runtime/index.js";
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

/** The export with the height and width of its input left open, as where the graph itself resizes. */
export const freeSize = (model: Uint8Array): Uint8Array =>
  edited(model, (proto) => {
    const type = proto.graph!.input[0]!.type!.value;
    if (type.case !== "tensorType") throw new Error("no tensor");
    const dims = type.value.shape!.dim;
    dims[1]!.value = { case: "dimParam", value: "height" };
    dims[2]!.value = { case: "dimParam", value: "width" };
  });

/** The export that takes any number of pictures a run. */
export const freeBatch = (model: Uint8Array): Uint8Array =>
  edited(model, (proto) => {
    const type = proto.graph!.input[0]!.type!.value;
    if (type.case !== "tensorType") throw new Error("no tensor");
    type.value.shape!.dim[0]!.value = { case: "dimParam", value: "batch" };
  });

/** What an export of a model takes of a picture, in Node. */
export function nodePixels(model: Model, picture: Picture, resolution: number): Uint8Array {
  const pixels = new Uint8Array(resolution ** 2 * 3);
  testTransform(testPreprocessing(model.input, { resolution })).apply(picture, pixels, 0);
  return pixels;
}

/** An export's logits in Node. */
export async function nodeLogits(model: Uint8Array, pixels: Uint8Array): Promise<Float32Array> {
  const session = await openSession({ model }, { where: "here", threads: 1 });
  try {
    return Float32Array.from((await session.run({ pixels })).logits as Float32Array);
  } finally {
    await session.dispose();
  }
}

/** The largest difference of two pictures' logits in parts of the largest logit. */
export function relativeDifference(found: readonly number[], expected: Float32Array): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (found.length !== expected.length || !(largest > 1e-3)) return Number.NaN;
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0) / largest;
}
