import type { Noise } from "../models/index.js";
import { elements, type Value } from "../onnx/index.js";
import { random } from "../random.js";

/** A random input of a step: factors of dropout and drop path, or, with `keep` null, bytes that are all equally likely. */
export type StepNoise = Noise | { readonly input: Value; readonly keep: null };

/**
 * What a step is fed at random. Dropout and drop path multiply by 1 / keep with probability `keep`, else by 0, so that the mean stays
 * (arXiv 1207.0580; 1603.09382). A function of the seed, the step and the layer alone.
 */
export function noiseFeeds(
  noise: readonly StepNoise[],
  seed: number,
  step: number,
): Record<string, Float32Array | Uint8Array> {
  return Object.fromEntries(
    noise.map(({ input, keep }) => {
      const stream = random(seed, "noise", step, input.name);
      const length = elements(input.shape);
      if (keep === null) {
        const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => stream.integer(2 ** 32));
        return [input.name, new Uint8Array(words.buffer, 0, length)];
      }
      return [input.name, Float32Array.from({ length }, () => (stream.uniform() < keep ? 1 / keep : 0))];
    }),
  );
}
