/**
 * The method in a page: a classifier's last layers are tuned on the visitor's own pictures, which go nowhere. In: an export, and
 * labelled pictures. Out: the tuned model as an export. The steps are those of `fixres tune`, by the same graphs, over features that
 * are computed once and held in memory. Papers: arXiv 1906.06423 (FixRes), 2003.08237 (FixEfficientNet).
 *
 * @module
 */
import { orderOf } from "../data/pure.js";
import { RequestError } from "../errors.js";
import { exportOnnx } from "../export/pure.js";
import {
  type Accuracy,
  divided,
  fitBySgd,
  foldedAgain,
  heldOutRows,
  indicesOf,
  measuredStart,
  type TuneOptions,
  trunkProgram,
  tuneDefaults,
  tunedModel,
  tuneMode,
} from "../fixres/pure.js";
import { type Model, possibleBatch } from "../models/pure.js";
import { MAX_PIXELS } from "../pixels/index.js";
import { silent } from "../progress.js";
import type { Program, Session } from "../runtime/pure.js";
import { classed } from "./classed.js";
import type { WebSessionOptions } from "./engine.js";
import { batchesOf, breathe, computed, cropsOf, type LabelledPicture } from "./features.js";
import { openProgram } from "./program.js";

export { DataError, FailedError, FixresError, RequestError } from "../errors.js";
export type { Accuracy } from "../fixres/pure.js";
export type { Model } from "../models/pure.js";
export { type EvaluateOptions, evaluateClassifier, type ResolutionRow } from "./accuracy.js";
export type { LabelledPicture } from "./features.js";
export { computed } from "./features.js";
export { modelOf } from "./model.js";
export { type PictureSource, readPicture } from "./picture.js";
export { openProgram } from "./program.js";

/** What `fixres tune` has under the same names; `WEB_TUNE_DEFAULTS` and the model's own unless given. */
export interface WebTuneOptions
  extends WebSessionOptions,
    Partial<
      Pick<
        TuneOptions,
        | "mode"
        | "epochs"
        | "batchSize"
        | "baseLearningRate"
        | "decayEpochs"
        | "momentum"
        | "weightDecay"
        | "labelSmoothing"
        | "seed"
      >
    > {
  /** Test resolution that is tuned for, px; the model's unless given. */
  readonly resolution?: number;
  /** Share of the pictures of each class that is not trained on, and says how good each epoch is; 0 to train on all. */
  readonly holdout?: number;
  /** Most pixels of a picture; 178,956,970 unless given, as in Node. */
  readonly maxPixels?: number;
  readonly signal?: AbortSignal;
  /** Called with what has happened. */
  readonly onEvent?: (event: WebTuneEvent) => void;
}

export type WebTuneEvent =
  | { readonly kind: "picture"; readonly done: number; readonly total: number }
  | { readonly kind: "evaluated"; readonly when: "before" | "after"; readonly accuracy: Accuracy }
  | {
      readonly kind: "epoch";
      /** From 1. */
      readonly epoch: number;
      readonly epochs: number;
      /** Mean training loss. */
      readonly loss: number;
      /** On the pictures that are held out; without such, on those that are trained on. */
      readonly accuracy: Accuracy;
    };

export interface TunedClassifier {
  /** The tuned model as `fixres export` writes it: `loadClassifier` and all of fixres take it. */
  readonly file: Uint8Array<ArrayBuffer>;
  readonly model: Model;
  readonly before: Accuracy;
  readonly after: Accuracy;
  /** Mean training loss of each epoch. */
  readonly losses: readonly number[];
  /** Accuracy before the first epoch, and after each. */
  readonly judged: readonly Accuracy[];
  /** Indices of the pictures that were held out. */
  readonly heldOut: readonly number[];
  readonly seconds: number;
}

/**
 * What differs from `fixres tune`: few pictures make few steps, so that batches are smaller and steps larger, and a fifth of the
 * pictures says what was gained.
 */
export const WEB_TUNE_DEFAULTS = {
  ...tuneDefaults("test"),
  cacheType: "float32",
  batchSize: 16,
  baseLearningRate: 0.03,
  holdout: 0.2,
} as const satisfies Omit<TuneOptions, "preprocessing">;

/**
 * Tunes a classifier on pictures, in the thread that calls (a worker's, where the page must not wait). Pictures of classes that the
 * model does not have get a fresh classifier for theirs.
 * @param model - see `modelOf`
 * @throws {DataError} where a picture cannot be read
 * @throws {RequestError} where an option or the device cannot be, or there are too few pictures
 * @throws {FailedError} where the loss is not finite
 * @throws what the signal says, where it ends the tuning
 * @example
 * const tuned = await tuneClassifier(modelOf(bytes, "b0.onnx"), pictures, { resolution: 288 });
 * console.log(tuned.before.top1, tuned.after.top1);
 */
export async function tuneClassifier(
  model: Model,
  pictures: readonly LabelledPicture[],
  given: WebTuneOptions = {},
): Promise<TunedClassifier> {
  const started = performance.now();
  const { maxPixels = MAX_PIXELS, signal, onEvent = () => {}, device, wasmPaths, threads } = given;
  const { start: own, labels } = classed(model, pictures, given.seed ?? WEB_TUNE_DEFAULTS.seed);
  const options = resolved(own, given, labels);
  const { held, kept } = divisionOf(labels, options);
  const { preprocessing, batchSize, seed } = options;
  const sessions: Session[] = [];
  const open = async (program: Program): Promise<Session> => {
    const session = await openProgram(program, own.arch.name, { device, wasmPaths, threads });
    sessions.push(session);
    return session;
  };
  try {
    const division = divided(own, tuneMode(options.mode), { resolution: preprocessing.resolution, batch: batchSize });
    const trunk = await open(trunkProgram(division, own));
    const onPicture = (done: number, total: number) => onEvent({ kind: "picture", done, total });
    const [crops] = await cropsOf(pictures, [preprocessing], { maxPixels, signal, onPicture });
    const features = await computed(trunk, crops!, pictures.length, signal);
    const all = Int32Array.from(labels, (_, i) => i);
    const batches = (order: Int32Array, partial: boolean) =>
      batchesOf(features, labels, order, { batchSize, partial, signal });
    const among = new Set(kept);
    const ordered = (epoch: number) =>
      orderOf(all.length, { seed, epoch, shuffle: true }).filter((sample) => among.has(sample));
    const start = await measuredStart(own, division, open, () => batches(kept, false));
    const fit = await fitBySgd({
      division,
      start,
      options,
      batches: (epoch) => batches(ordered(epoch), false),
      all: () => batches(kept, true),
      pictures: kept.length,
      judges: { division, batches: () => batches(held.length > 0 ? held : kept, true) },
      open,
      keep: async ({ losses, judged }) => {
        const epoch = losses.length;
        if (epoch === 1) onEvent({ kind: "evaluated", when: "before", accuracy: judged[0]! });
        onEvent({ kind: "epoch", epoch, epochs: options.epochs, loss: losses.at(-1)!, accuracy: judged.at(-1)! });
        await breathe();
        signal?.throwIfAborted();
      },
      memoryBytes: 0,
      progress: silent,
      signal,
    });
    const after = fit.judged.at(-1)!;
    onEvent({ kind: "evaluated", when: "after", accuracy: after });
    const tuned = tunedModel(start, fit.tensors, options, {
      classes: own.classes,
      selection: null,
      solved: null,
      facts: { pictures: kept.length, where: "browser" },
    });
    const saved = { ...tuned, tensors: foldedAgain(division, tuned.tensors) };
    return {
      file: exportOnnx(saved) as Uint8Array<ArrayBuffer>,
      model: saved,
      before: fit.judged[0]!,
      after,
      losses: fit.losses,
      judged: fit.judged,
      heldOut: [...held],
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    for (const session of sessions) await session.dispose();
  }
}

/** All options, checked. */
function resolved(model: Model, given: WebTuneOptions, labels: Int32Array): TuneOptions {
  const { resolution = model.input.resolution } = given;
  const known = Object.fromEntries(
    Object.entries(given).filter(([key, value]) => key in WEB_TUNE_DEFAULTS && value !== undefined),
  );
  const { mean: _, std: __, ...input } = model.input;
  const options: TuneOptions = { ...WEB_TUNE_DEFAULTS, ...known, preprocessing: { ...input, resolution } };
  const { epochs, batchSize, baseLearningRate } = options;
  if (!(Number.isInteger(epochs) && epochs >= 1))
    throw new RequestError(`epochs is ${epochs}; give a whole number of 1 or more.`);
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new RequestError(`the batch size is ${batchSize}; give a whole number of 1 or more.`);
  if (!(baseLearningRate > 0 && Number.isFinite(baseLearningRate)))
    throw new RequestError(`the base learning rate is ${baseLearningRate}; it must be above 0, such as 0.03.`);
  const { kept } = divisionOf(labels, options);
  const batch = Math.min(batchSize, kept.length);
  const possible = possibleBatch(model, { resolution, batch });
  if (possible > kept.length)
    throw new RequestError(
      `${model.arch.name} takes ${possible} pictures at a time, and ${kept.length} are there to train on; give more.`,
    );
  return { ...options, batchSize: possible };
}

/** Which pictures are held out, and which are trained on. */
function divisionOf(labels: Int32Array, { holdout, seed }: Pick<TuneOptions, "holdout" | "seed">) {
  const none = new Uint8Array(labels.length);
  if (!(holdout >= 0 && holdout < 1))
    throw new RequestError(`the holdout is ${holdout}; give a share from 0 to below 1, such as 0.2.`);
  const spare = holdout > 0 && hasToSpare(labels, holdout);
  if (holdout > 0 && !spare) {
    throw new RequestError(
      `no class of the ${labels.length} pictures has one to spare for a held-out share of ${holdout}; give more pictures, or a holdout of 0.`,
    );
  }
  const marks = spare ? heldOutRows(labels, holdout, seed) : none;
  return { held: indicesOf(marks, 1), kept: indicesOf(marks, 0) };
}

function hasToSpare(labels: Int32Array, share: number): boolean {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts.values()].some((count) => Math.min(Math.round(share * count), count - 1) > 0);
}
