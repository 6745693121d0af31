import { type Accuracy, scoreLogits, tally } from "../evaluate/pure.js";
import { inferenceGraph, type Model, possibleBatch, weightsOf } from "../models/pure.js";
import { MAX_PIXELS } from "../pixels/index.js";
import { packed } from "../runtime/pure.js";
import { classed } from "./classed.js";
import type { WebSessionOptions } from "./engine.js";
import { computed, cropsOf, type LabelledPicture } from "./features.js";
import { openProgram } from "./program.js";

export interface EvaluateOptions extends WebSessionOptions {
  /** Most pixels of a picture; 178,956,970 unless given. */
  readonly maxPixels?: number;
  readonly signal?: AbortSignal;
  /** Called with each row as it is there. */
  readonly onRow?: (row: ResolutionRow) => void;
}

/** How good a model is at one test resolution. */
export interface ResolutionRow {
  /** px */
  readonly resolution: number;
  readonly accuracy: Accuracy;
}

/** Pictures a run. */
const BATCH = 16;

/**
 * A model's accuracy on labelled pictures at each of some test resolutions, as `fixres sweep` has it.
 * @throws {DataError} where a picture cannot be read
 * @throws {RequestError} where the model does not have the pictures' classes
 */
export async function evaluateClassifier(
  model: Model,
  pictures: readonly LabelledPicture[],
  resolutions: readonly number[],
  { maxPixels = MAX_PIXELS, signal, onRow, ...options }: EvaluateOptions = {},
): Promise<ResolutionRow[]> {
  const { labels } = classed(model, pictures, 0);
  const { mean: _, std: __, ...input } = model.input;
  const preprocessings = resolutions.map((resolution) => ({ ...input, resolution }));
  const crops = await cropsOf(pictures, preprocessings, { maxPixels, signal });
  const rows: ResolutionRow[] = [];
  for (const [i, resolution] of resolutions.entries()) {
    const batch = possibleBatch(model, { resolution, batch: Math.min(BATCH, pictures.length) });
    const program = packed(inferenceGraph(model, { resolution, batch }), weightsOf(model));
    const session = await openProgram(program, model.arch.name, options);
    try {
      const { logits } = await computed(session, crops[i]!, pictures.length, signal);
      const sums = tally();
      sums.add(scoreLogits(logits as Float32Array, labels, pictures.length, model.classes.length));
      rows.push({ resolution, accuracy: sums.result() });
      onRow?.(rows.at(-1)!);
    } finally {
      await session.dispose();
    }
  }
  return rows;
}
