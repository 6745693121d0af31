import { createHash } from "node:crypto";
import { EXPORT_KEY } from "../classifier.js";
import { elements, withValues } from "../onnx/index.js";
import { parameterCount } from "./cost.js";
import { type Model, modelFile } from "./directory.js";
import { isOnnxNetwork } from "./onnx-network.js";

/**
 * A hash of what a model computes: architecture, classes, input and the value of every parameter, whatever file it came from and
 * however it came to be. SHA-256 in hex.
 */
export function modelFingerprint(model: Model): string {
  const { provenance: _, ...spec } = modelFile(model);
  const hash = createHash("sha256").update(JSON.stringify(spec));
  // A tuned file tells in its metadata how it came to be.
  if (isOnnxNetwork(model.arch)) hash.update(withValues(model.arch.file, new Map(), { [EXPORT_KEY]: "" }));
  for (const [name, { type, shape, data }] of [...model.tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`\n${JSON.stringify([name, type, shape])}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}

/** Trainable parameters of a model; of a network from an ONNX file all values that it holds, since nothing tells them apart. */
export function parametersOfModel({ arch, classes, tensors }: Pick<Model, "arch" | "classes" | "tensors">): number {
  if (!isOnnxNetwork(arch)) return parameterCount(arch, classes.length);
  return [...tensors.values()].reduce((sum, { shape }) => sum + elements(shape), 0);
}
