import type { Noise } from "../models/index.js";
import { elements } from "../onnx/index.js";
import { random } from "../random.js";

/**
 * What dropout and drop path multiply by in a step: 1 / keep with probability `keep`, else 0, so that the mean stays
 * (arXiv 1207.0580; 1603.09382). A function of the seed, the step and the layer alone.
 */
export function noiseFeeds(noise: readonly Noise[], seed: number, step: number): Record<string, Float32Array> {
  return Object.fromEntries(
    noise.map(({ input, keep }) => {
      const stream = random(seed, "noise", step, input.name);
      const factors = Float32Array.from({ length: elements(input.shape) }, () =>
        stream.uniform() < keep ? 1 / keep : 0,
      );
      return [input.name, factors];
    }),
  );
}
