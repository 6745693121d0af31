import { UnsupportedOperatorError } from "../errors.js";
import { type Anatomy, anatomyOf } from "../models/pure.js";
import type { Graph, Value } from "../onnx/index.js";
import type { Tensor } from "../weights/pure.js";
import type { Activation } from "./protocol.js";

/** A classifier's last maps, and the weights that make a class's evidence of them. */
export interface LastMaps {
  /** [1, C, H, W] */
  readonly maps: Value;
  /** The weights of a class, one a channel. */
  weightsOf(label: number): Float32Array;
}

/** Where the last maps of a classifier are that pools them and takes a linear step; null for any other, as in 8 or 16 bits. */
export function lastMaps(graph: Graph, tensors: ReadonlyMap<string, Tensor>, classes: number): LastMaps | null {
  const { classifier, pooling } = found(graph) ?? {};
  const maps = pooling?.inputs[0];
  if (classifier === undefined) return null;
  const weight = classifier.parameters.find(({ shape }) => shape.length > 1);
  if (!maps || weight === undefined || maps.shape.length !== 4) return null;
  const [, channels] = maps.shape as readonly [number, number];
  const [rows, columns] = weight.shape as readonly [number, number];
  const data = tensors.get(weight.name)!.data as Float32Array;
  if (rows === classes && columns === channels)
    return { maps, weightsOf: (label) => data.subarray(label * channels, (label + 1) * channels) };
  if (rows !== channels || columns !== classes) return null;
  return { maps, weightsOf: (label) => Float32Array.from({ length: channels }, (_, k) => data[k * classes + label]!) };
}

function found(graph: Graph): Anatomy | null {
  try {
    return anatomyOf(graph);
  } catch (error) {
    if (error instanceof UnsupportedOperatorError) return null;
    throw error;
  }
}

/**
 * The class activation map (Zhou et al., arXiv 1512.04150): M(x, y) = Σ w_k f_k(x, y), whose mean over x and y is the class's logit
 * but for the bias. Divided by its largest magnitude.
 * @param maps - f, [channels, height, width]  @param weights - w, [channels]
 */
export function classActivation(maps: Float32Array, weights: Float32Array, height: number, width: number): Activation {
  const pixels = height * width;
  const sums = new Float32Array(pixels);
  for (const [k, weight] of weights.entries())
    for (let i = 0; i < pixels; i++) sums[i]! += weight * maps[k * pixels + i]!;
  const largest = sums.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return { values: largest === 0 ? sums : sums.map((value) => value / largest), width, height };
}
