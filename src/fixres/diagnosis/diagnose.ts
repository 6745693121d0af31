import {
  type BadPicture,
  CROP_SCALE,
  openPictureCache,
  orderOf,
  partOf,
  pictureSizes,
  type Size,
  type Source,
  testTransform,
  trainTransform,
} from "../../data/index.js";
import { DataError, RequestError } from "../../errors.js";
import type { EvaluateOptions } from "../../evaluate/index.js";
import type { Model } from "../../models/index.js";
import { silent } from "../../progress.js";
import { type SweepRow, sweep } from "../sweep.js";
import { type ActivationStatistics, momentsOf, type Shift, shiftFrom, statisticsOf } from "./activations.js";
import { apparentSizes, type Spread, type TrainCrops } from "./apparent.js";
import { joined, type PooledOptions, pooledActivations } from "./pooled.js";
import { trainedResolution } from "./trained-resolution.js";

export interface DiagnoseOptions extends Omit<EvaluateOptions, "cache" | "task" | "truth" | "log"> {
  readonly resolutions: readonly number[];
  /** Side of the crops that the network was trained with, px; what the model says unless given. */
  readonly trainResolution?: number;
  /** Least share of a picture's area that a training crop takes; torchvision's 0.08 unless given. */
  readonly minCropArea?: number;
  /** Pictures whose activations are computed, drawn at random; 500 unless given. */
  readonly pictures?: number;
  /** Of the pictures and the crops; 0 unless given. */
  readonly seed?: number;
  /** Whether accuracy is measured too, on all pictures. */
  readonly sweep?: boolean;
}

/** What a test at one resolution makes of the pictures. */
export interface DiagnosisRow extends Shift {
  readonly resolution: number;
  /** Pixels that the test makes of one pixel's length in the picture. */
  readonly magnification: Spread;
  /** How large objects look, by how large they look in training. */
  readonly ratio: Spread;
  readonly activations: ActivationStatistics;
  /** What `sweep` finds there, where it was asked for. */
  readonly accuracy?: Pick<SweepRow, "top1" | "top5" | "loss" | "n" | "ci95">;
}

/** Why a network gains or loses at other test resolutions, and which one should be its best. */
export interface Diagnosis {
  /** What training crops make of the same pictures; `noise` is how far apart two draws of crops lie. */
  readonly train: TrainCrops & {
    readonly magnification: Spread;
    readonly activations: ActivationStatistics;
    readonly noise: Shift;
  };
  readonly rows: readonly DiagnosisRow[];
  readonly predicted: {
    /** The resolution at which objects look as large as in training, on average; of all, not of those asked for. */
    readonly sameSize: number;
    /** That of the smallest distance of activations. */
    readonly activations: number;
  };
  /** That of the highest top-1, where it was measured. */
  readonly best?: number;
  /** Pictures whose sizes were read, and those whose activations were computed. */
  readonly sizes: number;
  readonly pictures: number;
  readonly bad: readonly BadPicture[];
}

/** Draws of training crops of each picture. */
const DRAWS = 2;

/** Bytes of decoded pictures that are kept from one resolution to the next. */
const CACHE_BYTES = 2 ** 30;

/**
 * Compares what a classifier sees and computes at test resolutions with what it did in training, on the same pictures: how large
 * objects look, and the statistics of activations after pooling (arXiv 1906.06423, section 3). The resolution whose activations
 * are nearest to training's is the one that should suit the classifier best before it is tuned.
 * @param source - any pictures like those of the test; their labels matter to `sweep` alone
 * @throws {RequestError} for options that cannot be  @throws {DataError} for a picture that cannot be read, unless those are skipped
 */
export async function diagnose(model: Model, source: Source, options: DiagnoseOptions): Promise<Diagnosis> {
  const { resolutions, preprocessing, seed = 0, pictures = 500, minCropArea = CROP_SCALE[0], progress } = options;
  const { device, threads, batchSize, onBadImage, signal } = options;
  const resolution = options.trainResolution ?? trainedResolution(model);
  const crops = { resolution, scale: [minCropArea, CROP_SCALE[1]] } as const;
  const { interpolation, exifOrientation } = preprocessing;
  const trainCrops = trainTransform({ ...crops, interpolation, exifOrientation });
  const at = resolutions.map((px) => ({ ...preprocessing, resolution: px }));
  const transforms = at.map(testTransform);
  if (!(Number.isInteger(pictures) && pictures >= 2))
    throw new RequestError(`the number of pictures is ${pictures}; give a whole number of 2 or more.`);

  const { sizes, bad } = await sizesOf(source, options);
  const apparent = apparentSizes(sizes, crops, seed);
  const sample = sampleOf(source, pictures, seed);
  const cache = openPictureCache(CACHE_BYTES);
  const common = { device, threads, batchSize, onBadImage, signal, progress, seed, cache };
  const activations = (own: Pick<PooledOptions, "preprocessing" | "transform" | "passes" | "task">) =>
    pooledActivations(model, sample, { ...common, ...own });

  const trained = await activations({
    preprocessing: { ...preprocessing, resolution },
    transform: trainCrops,
    passes: DRAWS,
    task: `training crops at ${resolution}`,
  });
  if (trained.passes[0]!.values.length === 0)
    throw new DataError(`none of the ${sample.samples.length} pictures drawn from "${source.name}" can be read.`);
  const [first, second] = trained.passes.map(momentsOf);
  const all = { values: joined(trained.passes.map(({ values }) => values)), channels: trained.passes[0]!.channels };
  const reference = momentsOf(all);
  const measured: Omit<DiagnosisRow, "accuracy">[] = [];
  for (const [i, own] of at.entries()) {
    const task = `resolution ${own.resolution}`;
    const found = await activations({ preprocessing: own, transform: transforms[i]!, passes: 1, task });
    const [values] = found.passes;
    measured.push({
      resolution: own.resolution,
      ...apparent.test(own),
      activations: statisticsOf(values!, reference),
      ...shiftFrom(reference, momentsOf(values!)),
    });
  }
  const swept = options.sweep ? await sweep(model, source, options) : null;
  return {
    train: {
      ...crops,
      magnification: apparent.train,
      activations: statisticsOf(all, reference),
      noise: shiftFrom(first!, second!),
    },
    rows: measured.map((row, i) => ({ ...row, ...(swept && { accuracy: accuracyOf(swept[i]!) }) })),
    predicted: { sameSize: apparent.sameSize(preprocessing), activations: least(measured).resolution },
    ...(swept && { best: swept.reduce((a, b) => (b.top1 > a.top1 ? b : a)).resolution }),
    sizes: sizes.length,
    pictures: all.values.length / all.channels / DRAWS,
    // What is cut short behind its header was found by decoding.
    bad: [...bad, ...trained.bad.filter(({ name }) => !bad.some((known) => known.name === name))],
  };
}

/** The sizes of all pictures of a source. */
async function sizesOf(
  source: Source,
  { preprocessing, onBadImage = "fail", signal, progress = silent }: DiagnoseOptions,
) {
  const skipped = onBadImage === "skip" || onBadImage === "record";
  const sizes: Size[] = [];
  const bad: BadPicture[] = [];
  const shown = progress.start("sizes", source.samples.length, "pictures");
  try {
    for await (const size of pictureSizes(source, preprocessing)) {
      signal?.throwIfAborted();
      if (!(size instanceof Error)) sizes.push(size);
      else if (skipped) bad.push({ name: source.samples[sizes.length + bad.length]!.name, reason: size.message });
      else throw size;
      shown.advance(1);
    }
  } finally {
    shown.end();
  }
  if (sizes.length === 0) throw new DataError(`"${source.name}" has no picture that can be read.`);
  return { sizes, bad };
}

/** Some pictures of a source, drawn at random, in its order. */
function sampleOf(source: Source, count: number, seed: number): Source {
  const order = orderOf(source.samples.length, { seed, epoch: 0, shuffle: true });
  return partOf(source, order.subarray(0, count).sort());
}

const least = (rows: readonly Omit<DiagnosisRow, "accuracy">[]) =>
  rows.reduce((a, b) => (b.distance < a.distance ? b : a));

const accuracyOf = ({ top1, top5, loss, n, ci95 }: SweepRow) => ({ top1, top5, loss, n, ci95 });
