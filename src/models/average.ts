import { DataError } from "../errors.js";
import type { Tensor } from "../weights/index.js";
import { type EfficientNet, isEfficientNet, type Model } from "./model.js";

/**
 * The mean of models of one architecture: of every parameter and running statistic (stochastic weight averaging, arXiv 1803.05407,
 * and model soups, 2203.05482, which both leave the statistics of BatchNorm to be measured anew; of near epochs their mean serves).
 * All but the weights is the first one's.
 * @param names - what messages and the provenance call each
 * @throws {DataError} where they are not of one architecture with the same classes
 */
export function averageModels(models: readonly Model[], names: readonly string[]): EfficientNet {
  const [first, ...others] = models.map((model, i) => {
    if (!isEfficientNet(model))
      throw new DataError(`"${names[i]}" is an ONNX network; models of the family can be averaged.`);
    return model;
  }) as [EfficientNet, ...EfficientNet[]];
  others.forEach((other, i) => {
    const fault = difference(first, other);
    if (fault !== null) throw new DataError(`"${names[0]}" and "${names[i + 1]}" cannot be averaged: ${fault}.`);
  });
  const tensors = new Map<string, Tensor>();
  for (const [name, { type, shape, data }] of first.tensors) {
    const sum = Float64Array.from(data as Float32Array);
    for (const { tensors: own } of others)
      (own.get(name)!.data as Float32Array).forEach((v, i) => {
        sum[i]! += v;
      });
    tensors.set(name, { type, shape, data: Float32Array.from(sum, (v) => v / models.length) });
  }
  return { ...first, tensors, provenance: [...first.provenance, { what: "averaged", of: [...names] }] };
}

function difference(a: EfficientNet, b: EfficientNet): string | null {
  for (const key of ["name", "width", "depth", "batchNormEpsilon"] as const)
    if (a.arch[key] !== b.arch[key])
      return `${key === "name" ? "the architecture" : key} is ${a.arch[key]} and ${b.arch[key]}`;
  if (a.classes.length !== b.classes.length) return `they have ${a.classes.length} and ${b.classes.length} classes`;
  const i = a.classes.findIndex((name, at) => name !== b.classes[at]);
  return i < 0 ? null : `class ${i} is "${a.classes[i]}" and "${b.classes[i]}"`;
}
