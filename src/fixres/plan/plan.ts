import type { Splits, TestPreprocessing } from "../../data/index.js";
import { describePreprocessing } from "../../evaluate/index.js";
import type { Model } from "../../models/index.js";
import { drawnFeatures, testFeatures, viewOptions } from "../features/views.js";
import { heldOutRows } from "../held-out.js";
import { tuneMode } from "../modes.js";
import { checkBatch, checkOptions, type TuneOptions } from "../options.js";
import { recipe } from "../recipes.js";
import { divided } from "../top.js";
import type { TuneSurroundings } from "../tune.js";
import { type Estimate, estimateOf } from "./estimate.js";
import { measured } from "./measure.js";
import {
  type Fate,
  type PlannedFeatures,
  type PlannedNorm,
  type PlannedTensor,
  plannedFeatures,
  plannedNorms,
  plannedTensors,
} from "./planned.js";

/** What surrounds a plan. */
export interface PlanSurroundings extends Omit<TuneSurroundings, "directory" | "onEvent"> {
  /** How long to measure, s; 4 unless given. A network whose single runs take longer is measured for longer. */
  readonly measureSeconds?: number;
}

/** Seconds of measuring. */
export const MEASURE_SECONDS = 4;

/** How pictures become pixels. */
export interface PlannedTransform extends TestPreprocessing {
  readonly words: string;
}

/** How many tensors, and numbers in them. */
export interface Total {
  readonly tensors: number;
  readonly count: number;
}

/** What a tuning would do, without its being done. */
export interface Plan {
  /** Name of the architecture. */
  readonly model: string;
  readonly classes: number;
  /** All options of the tuning, as `tune` takes them. */
  readonly options: TuneOptions;
  readonly tensors: readonly PlannedTensor[];
  readonly totals: Readonly<Record<Fate, Total>>;
  readonly norms: readonly PlannedNorm[];
  readonly transforms: { readonly training: PlannedTransform; readonly test: PlannedTransform };
  readonly features: { readonly train: PlannedFeatures; readonly val: PlannedFeatures };
  /** False where the tuning would refuse to begin: see `fault` of the features. */
  readonly fits: boolean;
  readonly estimate: Estimate;
}

/**
 * Says what `tune` would do with the same options: what is trained, how pictures are shown, what will be cached, and from a measurement
 * of a few seconds how long it takes and in how much memory. Nothing is written. Features that do not fit are a part of the plan.
 * @throws {RequestError} for options that cannot be  @throws {DataError} for a picture that cannot be read, unless those are skipped
 */
export async function plan(
  model: Model,
  data: Splits,
  options: TuneOptions,
  { measureSeconds = MEASURE_SECONDS, ...surroundings }: PlanSurroundings = {},
): Promise<Plan> {
  checkOptions(options, data.train);
  checkBatch(model, options);
  const { mode, preprocessing, batchSize, cacheType, selectOn, holdout, seed } = options;
  const size = { resolution: preprocessing.resolution, batch: batchSize };
  const divisions = {
    train: divided(model, tuneMode(mode), size, cacheType),
    val: divided(model, tuneMode(mode), size),
  };
  const labels = Int32Array.from(data.train.samples, ({ label }) => label);
  const held = selectOn === "holdout" ? heldOutRows(labels, holdout, seed).reduce((sum, one) => sum + one, 0) : 0;
  const [ofTrain, ofVal] = [data.train, data.val].map((source) => viewOptions(model, source, options, surroundings));
  const drawn = drawnFeatures(ofTrain!, options);
  const shown = drawn.length > 0 ? drawn : [testFeatures(ofTrain!, options, cacheType)];
  const given = { train: shown[0]!, val: testFeatures(ofVal!, options, "float32") };
  const preparing = performance.now();
  const features = { train: await plannedFeatures(shown), val: await plannedFeatures([given.val]) };
  const preparingSeconds = (performance.now() - preparing) / 1000;
  const complete = ({ found, pictures, views }: PlannedFeatures): boolean => found === pictures * views;
  const found = { train: complete(features.train), val: complete(features.val) };
  const numbers = await measured({
    model,
    data,
    options,
    surroundings,
    divisions,
    features: given,
    found,
    seconds: measureSeconds,
  });
  const tensors = plannedTensors(divisions.train);
  const transform = { ...preprocessing, words: describePreprocessing(preprocessing, model.input) };
  return {
    model: model.arch.name,
    classes: model.classes.length,
    options,
    tensors,
    totals: {
      frozen: total(tensors, "frozen"),
      trained: total(tensors, "trained"),
      follows: total(tensors, "follows"),
    },
    norms: plannedNorms(divisions.train),
    transforms: {
      training: {
        ...transform,
        words: `${transform.words}${drawn.length > 0 ? `; recipe ${options.recipe}: ${recipe(options.recipe).summary}` : ""}`,
      },
      test: transform,
    },
    features,
    fits: features.train.fault === null && features.val.fault === null,
    estimate: estimateOf({
      ...{ options, ...features, held, preparingSeconds, measured: numbers },
      unfolded: divisions.train.unfolded !== null,
    }),
  };
}

function total(tensors: readonly PlannedTensor[], fate: Fate): Total {
  const own = tensors.filter((tensor) => tensor.fate === fate);
  return { tensors: own.length, count: own.reduce((sum, { count }) => sum + count, 0) };
}
