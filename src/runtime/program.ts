import { realpathSync } from "node:fs";
import { basename, dirname } from "node:path";
import { type Graph, parametersFor, serialize, type Value } from "../onnx/index.js";
import type { Program } from "./session.js";

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
