import { loadBatches, openPictureCache, type Splits, sampledOrder } from "../data/index.js";
import { DataError } from "../errors.js";
import type { EfficientNet } from "../models/index.js";
import { silent } from "../progress.js";
import { openSession } from "../runtime/index.js";
import { mainName } from "./adversarial/index.js";
import { weightsInLoss } from "./class-weights.js";
import { stepsPerEpoch } from "./length.js";
import { noiseFeeds } from "./noise.js";
import { normalizedFor } from "./normalization.js";
import { checkTrainOptions, optimizerOf, type TrainOptions } from "./options.js";
import { batchFeeds, isMixed, trainingPictures } from "./pictures.js";
import { stepWithin } from "./recompute.js";
import { checkDevice } from "./self-check.js";
import { initialState } from "./step.js";
import type { TrainSurroundings } from "./surroundings.js";
import { stepForm, trainingStep } from "./training-step.js";

/** The loss under a learning rate, of one update of the ramp. */
export interface RatePoint {
  readonly learningRate: number;
  readonly loss: number;
  /** Mean of the losses up to this one, by weights that fall with their age. */
  readonly smoothed: number;
}

export interface FoundRate {
  readonly points: readonly RatePoint[];
  /** The rate with the lowest smoothed loss. */
  readonly lowest: number;
  /** A tenth of it: at the lowest loss the rate has begun to be too much. */
  readonly suggestion: number;
}

export interface FindRateOptions extends Omit<TrainSurroundings, "directory" | "checkpointSeconds"> {
  /** Updates of the ramp; 100 unless given. */
  readonly steps?: number;
  /** Its first and last learning rate; 1e-6 to 10 unless given. */
  readonly range?: readonly [number, number];
  /** Whether pictures are turned as their EXIF block says; false unless given. */
  readonly exifOrientation?: boolean;
}

/** The ramp ends where the smoothed loss is so many times the lowest one. */
const DIVERGED = 4;

/**
 * The learning-rate range test (Smith, arXiv 1506.01186, section 3.3): trains a model under rates that grow exponentially from update
 * to update, and keeps nothing but the losses.
 * @throws {RequestError} for options that cannot be
 */
export async function findLearningRate(
  from: EfficientNet,
  { train }: Pick<Splits, "train">,
  options: TrainOptions,
  {
    steps = 100,
    range = [1e-6, 10],
    device,
    threads,
    selfCheck,
    recompute,
    cacheBytes = 2 ** 30,
    exifOrientation,
    signal,
    progress = silent,
  }: FindRateOptions,
): Promise<FoundRate> {
  // The average of the weights plays no part in the losses; and a student's rate is stated for labelled pictures, so that these are enough.
  const ramp = checkTrainOptions({ ...options, averageDecay: 0, unlabelledRatio: 0 });
  const model = normalizedFor(from, ramp);
  const { batchSize, seed, accumulate, resolution, sampling, onBadImage } = ramp;
  // Updates may gather over as many epochs as they need: the ramp goes round the pictures.
  stepsPerEpoch(train, { ...ramp, accumulate: 1 });
  const form = await stepForm(device);
  const build = (parts?: (part: string) => boolean) =>
    trainingStep(model, ramp, {
      ...form,
      mixed: isMixed(ramp),
      classWeights: weightsInLoss(ramp, train),
      recompute: parts,
    });
  const step = stepWithin(build, model.arch, { recompute, device }, progress);
  const session = await openSession(step.program, { device, threads });
  const task = progress.start("learning rates", steps, "updates");
  const losses: number[] = [];
  const points: RatePoint[] = [];
  try {
    await session.setState(initialState(step, optimizerOf(ramp), (name) => model.tensors.get(mainName(name))!.data));
    const transform = trainingPictures(ramp, { resolution, normalization: model.input, exifOrientation });
    const cache = openPictureCache(cacheBytes);
    for (let epoch = 0, run = 0; ; epoch++) {
      const order = sampledOrder(train, sampling, { seed, epoch });
      const loading = {
        transform,
        batchSize,
        seed,
        epoch,
        shuffle: true,
        order,
        dropLast: true,
        onBadImage,
        cache,
        signal,
      };
      for await (const batch of loadBatches(train, loading)) {
        const fed = { ...batchFeeds(batch, ramp, epoch), ...noiseFeeds(step.noise, seed, ++run) };
        if (run === 1)
          await checkDevice({ session, step, feeds: fed, run: accumulate, device, threads, selfCheck, progress });
        const learningRate = range[0] * (range[1] / range[0]) ** (points.length / Math.max(steps - 1, 1));
        losses.push(Number((await session.run({ ...fed, ...step.scalars(run, learningRate) })).loss![0]));
        if (run % accumulate > 0) continue;
        points.push(nextPoint(points, learningRate, losses.splice(0)));
        task.advance(1, `loss ${points.at(-1)!.loss.toFixed(3)}`);
        if (points.length === steps || isDiverged(points)) return judged(points);
      }
      if (run === 0)
        throw new DataError(`"${train.name}" has too few pictures that can be read for a batch of ${batchSize}.`);
    }
  } finally {
    task.end();
    await session.dispose();
  }
}

/** Weight of the old losses in the smoothed one. */
const SMOOTHING = 0.9;

function nextPoint(points: readonly RatePoint[], learningRate: number, losses: readonly number[]): RatePoint {
  const loss = losses.reduce((sum, value) => sum + value) / losses.length;
  // The running mean from 0 and what makes up for that, of the point before.
  const weight = 1 - SMOOTHING ** points.length;
  const before = (points.at(-1)?.smoothed ?? 0) * weight;
  return {
    learningRate,
    loss,
    smoothed: (SMOOTHING * before + (1 - SMOOTHING) * loss) / (1 - SMOOTHING ** (points.length + 1)),
  };
}

function isDiverged(points: readonly RatePoint[]): boolean {
  const { smoothed } = points.at(-1)!;
  return !(smoothed <= DIVERGED * Math.min(...points.map((point) => point.smoothed).filter(Number.isFinite)));
}

/** What a ramp tells. */
export function judged(points: readonly RatePoint[]): FoundRate {
  const { learningRate } = points.reduce((best, point) => (point.smoothed < best.smoothed ? point : best));
  return { points, lowest: learningRate, suggestion: learningRate / 10 };
}
