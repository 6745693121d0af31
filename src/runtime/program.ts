import { realpathSync } from "node:fs";
import { basename, dirname } from "node:path";
import { type Graph, parametersFor, serialize, type TypedArray, type Value } from "../onnx/index.js";
import type { Program } from "./session.js";

/** Offsets that engines like: a cache line. */
const ALIGNMENT = 64;

/** Where a parameter's value lies in a file on disk. */
export interface FilePlace {
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/**
 * A graph whose parameters' values the engine maps where they lie on disk; null unless all are in one file.
 * @param place - the place of each parameter that the graph needs, null for one that is on no disk
 */
export function mapped(graph: Graph, place: (parameter: Value) => FilePlace | null): Program | null {
  const places = new Map<string, FilePlace>();
  for (const parameter of parametersFor(Object.values(graph.outputs))) {
    const found = place(parameter);
    if (found === null) return null;
    places.set(parameter.name, found);
  }
  const [first] = places.values();
  if (first === undefined || [...places.values()].some(({ path }) => path !== first.path)) return null;
  // The engine refuses a link that leads out of the folder.
  const path = realpathSync(first.path);
  const location = basename(path);
  const model = serialize(graph, {
    bind: ({ name }) => ({
      kind: "file",
      location,
      offset: places.get(name)!.offset,
      length: places.get(name)!.length,
    }),
  });
  return { model, folder: dirname(path) };
}

/**
 * A graph with its parameters' values as one block of external data, which the engine reads where it lies: a model of any size,
 * past the 2 GB that protobuf allows. The block is shared memory, which a session's thread gets without a copy; values that lie in
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
  if (!(first?.buffer instanceof SharedArrayBuffer)) return null;
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
  const block = new Uint8Array(new SharedArrayBuffer(size));
  for (const [name, { buffer, byteOffset, byteLength }] of values)
    block.set(new Uint8Array(buffer, byteOffset, byteLength), offsets.get(name));
  return { block, offsets };
}
