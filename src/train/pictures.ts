import {
  assertMix,
  type Batch,
  type MixedBatch,
  type MixOptions,
  mixBatch,
  random,
  type TrainTransformOptions,
  type Transform,
  trainTransform,
} from "../data/index.js";
import type { TrainOptions } from "./options.js";

/** Which pictures of an epoch's are meant: what is not among the run's options. */
export type PicturesOf = Required<Pick<TrainTransformOptions, "resolution" | "normalization">> &
  Pick<TrainTransformOptions, "exifOrientation">;

/**
 * What the options make of each training picture. A colour jitter is alike in brightness, contrast and saturation, and erasing by noise a
 * pixel, as timm's training command has them.
 * @throws {RequestError} as `trainTransform`
 */
export function trainingPictures(options: TrainOptions, of: PicturesOf): Transform {
  const { interpolation, minCropArea, flip, augment, colorJitter, erasing } = options;
  return trainTransform({
    ...of,
    interpolation,
    scale: [minCropArea, 1],
    flip,
    augment: augment === "" ? undefined : augment,
    colorJitter:
      colorJitter === 0 ? undefined : { brightness: colorJitter, contrast: colorJitter, saturation: colorJitter },
    erasing: erasing === 0 ? undefined : { probability: erasing },
  });
}

/** Whether batches are mixed, so that each picture has two labels. */
export const isMixed = ({ mixup, cutmix }: Pick<TrainOptions, "mixup" | "cutmix">): boolean =>
  mixup !== 0 || cutmix !== 0;

const mixing = ({ mixup, cutmix, mixProbability, mixSwitch }: TrainOptions): MixOptions => ({
  mixup,
  cutmix,
  probability: mixProbability,
  switchProbability: mixSwitch,
});

/** @throws {RequestError} for an augmentation, jitter, erasing or mixing that cannot be, with the message of whatever would do it */
export function checkPictures(options: TrainOptions): void {
  const normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
  trainingPictures(options, { resolution: options.resolution, normalization });
  assertMix(isMixed(options) ? mixing(options) : { ...mixing(options), mixup: 1 });
}

/** What a step is fed, by the names of its inputs. */
export type Feeds = Readonly<Record<string, Uint8Array | Int32Array | Float32Array>>;

/** The batch, mixed: a function of seed, epoch and place alone. */
export const mixed = (batch: Batch, options: TrainOptions, epoch: number): MixedBatch =>
  mixBatch(batch, mixing(options), random(options.seed, "mix", epoch, batch.end));

/**
 * What a step is fed of a batch. Where it is mixed `labels` are those with the larger share of
 * each picture, so that the correct ones are counted by them; a loss of two labels is the same either way round.
 */
export function batchFeeds(batch: Batch, options: TrainOptions, epoch: number): Feeds {
  if (!isMixed(options)) return { pixels: batch.pixels, labels: batch.labels };
  const { pixels, labels, otherLabels, lambda } = mixed(batch, options, epoch);
  const larger = (i: number): boolean => lambda[i]! >= 0.5;
  return {
    pixels,
    labels: labels.map((label, i) => (larger(i) ? label : otherLabels[i]!)),
    otherLabels: otherLabels.map((label, i) => (larger(i) ? label : labels[i]!)),
    share: lambda.map((share) => Math.max(share, 1 - share)),
  };
}
