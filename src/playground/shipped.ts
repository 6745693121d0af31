import { familyModel, type Model, modelFile } from "../models/pure.js";
import { elements } from "../onnx/index.js";
import { indexSafetensors, type Tensor } from "../weights/pure.js";

/** The two models that the page comes with: as it was trained, and the same fixed for a larger test resolution. */
export interface ShippedModels {
  readonly base: Model;
  readonly fixed: Model;
}

/** A safetensors file's content. */
interface Content {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const SCALE = "/scale";
const FIXED = "fixed/";

/**
 * Weights in 8 bits, with a scale for each of their outputs: w ≈ q s, s the largest of the output's by 127. What has one axis alone
 * stays as it is.
 */
export function rounded(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return unrounded(roundedParts(tensors));
}

function roundedParts(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const parts = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const { shape, data } = tensor;
    if (shape.length < 2) {
      parts.set(name, tensor);
      continue;
    }
    const values = data as Float32Array;
    const each = elements(shape.slice(1));
    const scales = Float32Array.from({ length: shape[0]! }, (_, output) => {
      const own = values.subarray(output * each, (output + 1) * each);
      return own.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127 || 1;
    });
    const data8 = Int8Array.from(values, (value, i) => Math.round(value / scales[Math.floor(i / each)]!));
    parts.set(name, { type: "int8", shape, data: data8 });
    parts.set(`${name}${SCALE}`, { type: "float32", shape: [shape[0]!], data: scales });
  }
  return parts;
}

function unrounded(parts: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [name, { type, shape, data }] of parts) {
    if (name.endsWith(SCALE)) continue;
    const scales = parts.get(`${name}${SCALE}`)?.data as Float32Array | undefined;
    const each = elements(shape.slice(1));
    const values = scales
      ? Float32Array.from(data as Int8Array, (q, i) => q * scales[Math.floor(i / each)]!)
      : (data as Float32Array);
    tensors.set(name, { type: scales ? "float32" : type, shape, data: values });
  }
  return tensors;
}

/** The models as one safetensors file's content: the base in 8 bits, and what differs in the fixed one. */
export function packedModels({ base, fixed }: ShippedModels): Content {
  const tensors = roundedParts(base.tensors);
  for (const [name, tensor] of fixed.tensors)
    if (!same(tensor, base.tensors.get(name)!)) tensors.set(`${FIXED}${name}`, tensor);
  return { tensors, metadata: { base: JSON.stringify(modelFile(base)), fixed: JSON.stringify(modelFile(fixed)) } };
}

const same = (a: Tensor, b: Tensor): boolean => (a.data as Float32Array).every((value, i) => value === b.data[i]);

/** The models of such a file. @throws {DataError} where it is malformed */
export function unpackedModels(bytes: Uint8Array<ArrayBuffer>): ShippedModels {
  const { index, metadata } = indexSafetensors(bytes, "the playground's models");
  const parts = new Map<string, Tensor>(
    [...index].map(([name, { type, shape, offset, length }]): [string, Tensor] => {
      const own = bytes.slice(offset, offset + length);
      const data = type === "int8" ? new Int8Array(own.buffer) : new Float32Array(own.buffer);
      return [name, { type: type === "int8" ? "int8" : "float32", shape, data }];
    }),
  );
  const changed = new Map([...parts].filter(([name]) => name.startsWith(FIXED)));
  for (const name of changed.keys()) parts.delete(name);
  const tensors = unrounded(parts);
  const differing = [...changed].map(([name, tensor]): [string, Tensor] => [name.slice(FIXED.length), tensor]);
  return {
    base: familyModel(JSON.parse(metadata.base!), tensors, "base"),
    fixed: familyModel(JSON.parse(metadata.fixed!), new Map([...tensors, ...differing]), "fixed"),
  };
}
