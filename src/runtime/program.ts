import { type Graph, parametersFor, serialize, type TypedArray, type Value } from "../onnx/index.js";
import type { Program } from "./session.js";

/** Offsets that engines like: a cache line. */
const ALIGNMENT = 64;

/**
 * A graph with its parameters' values as one block of external data, which the engine reads where it lies: a model
 * of any size, past the 2 GB that protobuf allows.
 * @param data - the value of each parameter that the graph needs
 */
export function packed(graph: Graph, data: (parameter: Value) => TypedArray): Program {
  const path = "weights";
  const parts = new Map<string, { offset: number; bytes: Uint8Array }>();
  let size = 0;
  for (const parameter of parametersFor(Object.values(graph.outputs))) {
    const { buffer, byteOffset, byteLength } = data(parameter);
    parts.set(parameter.name, { offset: size, bytes: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength) });
    size += Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT;
  }
  const block = new Uint8Array(size);
  for (const { offset, bytes } of parts.values()) block.set(bytes, offset);
  const model = serialize(graph, {
    bind({ name }) {
      const { offset, bytes } = parts.get(name)!;
      return { kind: "file", location: path, offset, length: bytes.length };
    },
  });
  // The engine refuses an empty file.
  return size === 0 ? { model } : { model, external: [{ path, data: block }] };
}
