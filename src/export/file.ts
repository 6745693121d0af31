import { EXPORT_KEY } from "../classifier.js";
import { RequestError } from "../errors.js";
import { inferenceGraph, isEfficientNet, type Model, modelFile, weightsOf } from "../models/pure.js";
import {
  foldBatchNorms,
  type Graph,
  openBatch,
  type ParameterData,
  quantized,
  type Range,
  serialize,
  toHalf,
  type Value,
  withPrelude,
} from "../onnx/index.js";
import type { TestPreprocessing } from "../pixels/index.js";
import { resizePrelude } from "./resize.js";

export const PRECISIONS = ["float32", "float16", "int8"] as const;
export type Precision = (typeof PRECISIONS)[number];

export interface ExportOptions {
  /** Height and width of the pictures, px; the model's unless given. */
  readonly resolution?: number;
  /** Pictures a run, where they are to be fixed; any number unless given. */
  readonly batch?: number;
  /** What weights are kept in, and computed with; float32 unless given. */
  readonly precision?: Precision;
  /** Whether pictures of any size go in, which are resized and cropped inside. */
  readonly withResize?: boolean;
}

/** A graph from pixels to logits in whose place an export stands, for one picture, and its weights. */
export interface ExportGraph {
  readonly graph: Graph;
  readonly data: ParameterData;
}

/** What is exported: as the model has it in float32, with its BatchNorms folded otherwise. */
export function exportGraph(
  model: Model,
  { resolution = model.input.resolution, batch = 1, precision = "float32" }: ExportOptions,
): ExportGraph {
  const graph = inferenceGraph(model, { resolution, batch });
  const data = weightsOf(model);
  // A model of the family is read again from its weights, so they must be there by themselves.
  return precision === "float32" ? { graph, data } : foldBatchNorms(graph, data);
}

/**
 * One self-contained ONNX model: uint8 `pixels` [batch, R, R, 3], already cropped to the resolution, to float32 `logits`
 * [batch, classes], normalisation included; with `withResize`, `pixels` [batch, H, W, 3] of any size. Its metadata hold what
 * `model.json` does under `fixres-model`: class names, what comes before (resize and crop), provenance. `loadModel` takes such
 * a file as it takes a directory.
 * @param ranges - of the values that are kept in 8 bits, for `int8`
 * @throws {RequestError} where pictures cannot be resized inside as the model's preprocessing wants it
 */
export function exportOnnx(
  model: Model,
  options: ExportOptions = {},
  { graph, data }: ExportGraph = exportGraph(model, options),
  ranges: ReadonlyMap<Value, Range> = new Map(),
): Uint8Array {
  const { resolution = model.input.resolution, batch, precision = "float32", withResize = false } = options;
  if (withResize && batch !== undefined && batch !== 1)
    throw new RequestError(
      "with --with-resize pictures of one size go in at a time, any number; leave --batch-size out.",
    );
  const preprocessing: TestPreprocessing = { ...model.input, resolution };
  const exact = { graph, data };
  const half = precision === "float16" ? toHalf(graph, data) : exact;
  const final = precision === "int8" ? { graph: quantized(graph, data, ranges), data } : half;
  const written = serialize(batch === undefined ? openBatch(final.graph) : final.graph, {
    bind: (parameter) => ({ kind: "data", data: final.data(parameter) }),
    metadata: { [EXPORT_KEY]: JSON.stringify(description(model, resolution, precision)) },
    open: batch === undefined ? { pixels: { 0: "batch" }, logits: { 0: "batch" } } : {},
  });
  return withResize ? withPrelude(written, resizePrelude(preprocessing, batch ?? "batch")) : written;
}

/** What the file says of itself: of other precision, or of other networks, it is the graph, not weights by their names. */
function description(model: Model, resolution: number, precision: Precision) {
  const spec = modelFile({ ...model, input: { ...model.input, resolution } });
  if (precision === "float32" && isEfficientNet(model)) return spec;
  const { width: _w, depth: _d, batchNormEpsilon: _e, arch, ...rest } = spec;
  const done = { what: "exported" as const, from: arch, precision, resolution };
  return { ...rest, arch: "onnx", provenance: precision === "float32" ? rest.provenance : [...rest.provenance, done] };
}
