import type { TuneOptions } from "../options.js";
import type { Measured } from "./measure.js";
import type { PlannedFeatures } from "./planned.js";

/** What a tuning is expected to take on this machine, as busy as it is now. */
export interface Estimate {
  /** Pictures a second of the first pass over the training pictures: decoded, transformed, through the trunk; null where all are there. */
  readonly picturesPerSecond: number | null;
  /** The same without the trunk. */
  readonly decodedPerSecond: number;
  readonly seconds: EstimatedSeconds;
  readonly memory: EstimatedMemory;
  /** What the measurement took, s. */
  readonly measuredSeconds: number;
}

export interface EstimatedSeconds {
  /** Looking for features of earlier runs, and opening sessions. */
  readonly opening: number;
  /** The features of the training pictures, and of the validation pictures, once. */
  readonly trainFeatures: number;
  readonly valFeatures: number;
  /** The first epoch, where it opens the trunk and computes the features of its pictures; the others. */
  readonly firstEpoch: number;
  readonly laterEpoch: number;
  /** Scoring the validation pictures, once, when their features are there. */
  readonly evaluation: number;
  /** All epochs that are tried, to choose one; 0 where none is chosen. */
  readonly choosing: number;
  /** Of the whole; an upper bound where an epoch is chosen, since fewer may be trained again. */
  readonly total: number;
}

/** Bytes. */
export interface EstimatedMemory {
  /** The process with the model's weights, before it computes. */
  readonly base: number;
  /** Sessions of the trunk with their weights and activations, and pictures under way; of both parts of the data. */
  readonly trunk: number;
  /** Sessions of the top, to train and to score. */
  readonly top: number;
  /** Features that are held in memory. */
  readonly features: number;
  readonly peak: number;
}

/** What an estimate is made of. */
export interface EstimateOptions {
  readonly options: TuneOptions;
  readonly train: PlannedFeatures;
  readonly val: PlannedFeatures;
  /** Training pictures that choose the epoch. */
  readonly held: number;
  /** Whether a fresh BatchNorm needs the statistics of all training pictures. */
  readonly unfolded: boolean;
  /** Until one knew where features would be, s. */
  readonly preparingSeconds: number;
  readonly measured: Measured;
}

/** An estimate from what was measured: arithmetic alone. */
export function estimateOf(given: EstimateOptions): Estimate {
  const { measured } = given;
  return {
    picturesPerSecond: measured.train?.picturesPerSecond ?? null,
    decodedPerSecond: measured.decodedPerSecond,
    seconds: secondsOf(given),
    memory: memoryOf(given),
    measuredSeconds: measured.seconds,
  };
}

function secondsOf({
  options,
  train,
  val,
  held,
  unfolded,
  preparingSeconds,
  measured,
}: EstimateOptions): EstimatedSeconds {
  const { batchSize, epochs, selectOn } = options;
  const { step, scoring } = measured;
  /** Seconds a picture of a pass that computes features, and of one that finds them. */
  const fresh = { train: 1 / (measured.train?.picturesPerSecond ?? Number.POSITIVE_INFINITY), val: 0 };
  fresh.val = 1 / (measured.val?.picturesPerSecond ?? Number.POSITIVE_INFINITY);
  const again = {
    train: train.where === "none" ? fresh.train : 0,
    val: val.where === "none" ? fresh.val : 0,
  };
  const epoch = (pictures: number): number => Math.floor(pictures / batchSize) * step.seconds + pictures * again.train;
  const scored = (pictures: number, each: number): number =>
    Math.ceil(pictures / batchSize) * scoring.seconds + pictures * each;

  const trainFeatures = (train.views * train.pictures - train.found) * fresh.train;
  const valFeatures = (val.pictures - val.found) * fresh.val;
  const evaluation = scored(val.pictures, again.val);
  const laterEpoch = epoch(train.pictures);
  // Where nothing is kept, the pass is a part of every epoch already.
  const openingTrunk = measured.train?.openingSeconds ?? 0;
  const firstEpoch = openingTrunk + laterEpoch + (train.where === "none" ? 0 : trainFeatures / train.views);
  const judged = selectOn === "holdout" ? scored(held, again.train) : evaluation;
  const tried = train.pictures - (selectOn === "holdout" ? held : 0);
  const choosing = selectOn === "none" ? 0 : epochs * (epoch(tried) + judged);
  const fits = selectOn === "none" ? 1 : 2;
  const opening =
    preparingSeconds +
    openingTrunk +
    (measured.val?.openingSeconds ?? 0) +
    fits * step.openingSeconds +
    (fits + 1 + (unfolded ? 1 : 0)) * scoring.openingSeconds;
  const statistics = unfolded ? scored(train.pictures, again.train) : 0;
  const once = (train.where === "none" ? 0 : trainFeatures) + (val.where === "none" ? 0 : valFeatures);
  const total = opening + once + statistics + 2 * evaluation + choosing + epochs * laterEpoch;
  return { opening, trainFeatures, valFeatures, firstEpoch, laterEpoch, evaluation, choosing, total };
}

function memoryOf({ options, train, val, measured, unfolded }: EstimateOptions): EstimatedMemory {
  const { step, scoring, baseBytes: base } = measured;
  const fits = options.selectOn === "none" ? 1 : 2;
  const trunk = (measured.train?.memoryBytes ?? 0) + (measured.val?.memoryBytes ?? 0);
  const scores = fits + 1 + (unfolded ? 1 : 0);
  const sessions = fits * step.memoryBytes + scores * scoring.memoryBytes;
  // Of batches that wait to be collected there are no more because there are more sessions.
  const top = sessions + step.garbageBytes + scoring.garbageBytes;
  const features = [train, val].reduce((sum, { inMemory, bytes }) => sum + (inMemory ? bytes : 0), 0);
  return { base, trunk, top, features, peak: base + trunk + top + features };
}
