import { type Graph, parametersFor, serialize, type TypedArray, type Value } from "../onnx/index.js";
import type { Program } from "./session.js";
import { isShared } from "./shared.js";

/** Offsets that engines like: a cache line. */
const ALIGNMENT = 64;

/**
 * A graph with its parameters' values as one block of external data, which the engine reads where it lies: a model of any size,
 * past the 2 GB that protobuf allows. The block is shared memory, which a session's thread gets without a copy (a page has none unless it is isolated, and no need); values that lie in
 * one shared block already, as those of a safetensors file do, stay there.
 * @param data - the value of each parameter that the graph needs
 */
export function packed(graph: Graph, data: (parameter: Value) => TypedArray): Program {
  const path = "weights";
  const values = new Map(parametersFor(Object.values(graph.outputs)).map((value) => [value.name, data(value)]));
  const { block, offsets } = common(values) ?? together(values);
  const model = serialize(graph, {
    bind: ({ name }) => ({
      kind: "file",
      location: path,
      offset: offsets.get(name)!,
      length: values.get(name)!.byteLength,
    }),
  });
  // The engine refuses an empty file.
  return block.length === 0 ? { model } : { model, external: [{ path, data: block }] };
}

interface Block {
  readonly block: Uint8Array;
  readonly offsets: ReadonlyMap<string, number>;
}

/** The shared block that all values lie in, if there is one. */
function common(values: ReadonlyMap<string, TypedArray>): Block | null {
  const [first] = values.values();
  if (first === undefined || !isShared(first.buffer)) return null;
  const { buffer } = first;
  if ([...values.values()].some((value) => value.buffer !== buffer)) return null;
  return {
    block: new Uint8Array(buffer),
    offsets: new Map([...values].map(([name, value]) => [name, value.byteOffset])),
  };
}

/** A new shared block with a copy of every value. */
function together(values: ReadonlyMap<string, TypedArray>): Block {
  const offsets = new Map<string, number>();
  let size = 0;
  for (const [name, { byteLength }] of values) {
    offsets.set(name, size);
    size += Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT;
  }
  const block = new Uint8Array(
    typeof SharedArrayBuffer === "function" ? new SharedArrayBuffer(size) : new ArrayBuffer(size),
  );
  for (const [name, { buffer, byteOffset, byteLength }] of values)
    block.set(new Uint8Array(buffer, byteOffset, byteLength), offsets.get(name));
  return { block, offsets };
}
