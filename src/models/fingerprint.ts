import { closeSync, openSync, readSync } from "node:fs";
import { EXPORT_KEY } from "../classifier.js";
import { DataError } from "../errors.js";
import { elements, withValues } from "../onnx/index.js";
import type { TensorPlace } from "../weights/index.js";
import { parameterCount } from "./cost.js";
import { type Model, modelFile } from "./model.js";
import { isOnnxNetwork } from "./onnx-network.js";

/**
 * A hash of what a model computes: architecture, classes, input and the value of every parameter, whatever file it came from and
 * however it came to be. SHA-256 in hex.
 */
export function modelFingerprint(model: Model): string {
  // Asked for here, since it takes 8 ms to load, and most programs ask for no fingerprint.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const { provenance: _, ...spec } = modelFile(model);
  const hash = createHash("sha256").update(JSON.stringify(spec));
  // A tuned file tells in its metadata how it came to be.
  if (isOnnxNetwork(model.arch)) hash.update(withValues(model.arch.file, new Map(), { [EXPORT_KEY]: "" }));
  for (const [name, tensor] of [...model.tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { type, shape, place } = tensor;
    hash.update(`\n${JSON.stringify([name, type, shape])}\n`);
    // Looking at `data` would read the whole file into memory, to stay there.
    if (place) for (const piece of piecesOf(place)) hash.update(piece);
    else hash.update(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
  }
  return hash.digest("hex");
}

/** A part of a file, some bytes at a time; each piece is valid until the next. */
function* piecesOf({ path, offset, length }: TensorPlace): Generator<Uint8Array> {
  const file = openSync(path, "r");
  try {
    const buffer = new Uint8Array(Math.min(length, 2 ** 24));
    for (let at = 0; at < length; ) {
      const count = readSync(file, buffer, 0, Math.min(buffer.length, length - at), offset + at);
      if (count === 0) throw new DataError(`"${path}" was cut short while it was read; fetch it again.`);
      yield buffer.subarray(0, count);
      at += count;
    }
  } finally {
    closeSync(file);
  }
}

/** Trainable parameters of a model; of a network from an ONNX file all values that it holds, since nothing tells them apart. */
export function parametersOfModel({ arch, classes, tensors }: Pick<Model, "arch" | "classes" | "tensors">): number {
  if (!isOnnxNetwork(arch)) return parameterCount(arch, classes.length);
  return [...tensors.values()].reduce((sum, { shape }) => sum + elements(shape), 0);
}
