import { loadBatches, openPictureCache, type Source } from "../data/index.js";
import type { EfficientNet } from "../models/index.js";
import { silent } from "../progress.js";
import { type Device, openSession } from "../runtime/index.js";
import { mainName } from "./adversarial/index.js";
import type { StateTensors } from "./checkpoint.js";
import { weightsInLoss } from "./class-weights.js";
import { checkFinite, checkLoss, checkLossScale } from "./finite.js";
import { noiseFeeds } from "./noise.js";
import { optimizerOf, type TrainOptions } from "./options.js";
import { isMixed, trainingPictures } from "./pictures.js";
import { stepWithin } from "./recompute.js";
import { isOwn } from "./rounds.js";
import { learningRateAt } from "./schedule.js";
import { initialState } from "./step.js";
import { lessonOf } from "./student/lesson.js";
import { stepForm, trainingStep } from "./training-step.js";

/** Which steps a replica takes. */
export interface LocalSteps {
  /** From 0. */
  readonly epoch: number;
  /** Of this replica in this epoch: steps done, to be done now, and in all. */
  readonly first: number;
  readonly steps: number;
  readonly perEpoch: number;
  readonly replica: number;
  readonly replicas: number;
}

/** What the steps came to. */
export interface LocalResult {
  readonly state: StateTensors;
  /** By step. */
  readonly loss: Float64Array;
  readonly correct: Float64Array;
}

/** The step graph of a run, ready for the steps of any replica. */
export interface LocalTrainer {
  /**
   * @param shared - what all replicas begin with  @param own - the replica's own slots, as its round before gave them; fresh unless given
   * @throws {FailedError} where the loss is not finite
   */
  run(steps: LocalSteps, shared: StateTensors, own: StateTensors | null, signal?: AbortSignal): Promise<LocalResult>;
  dispose(): Promise<void>;
}

/**
 * Opens the step of a run. What it gives depends on the model, the pictures, the options and the device alone.
 *
 * In local step t of its epoch, replica r of N takes batch r h + t of those that the round has: a round of h steps has N h batches, which follow
 * those of the rounds before in the order of the epoch. The learning rate is that of t among the replica's own steps.
 */
export async function openLocalTrainer(
  model: EfficientNet,
  train: Source,
  options: TrainOptions,
  {
    exifOrientation,
    device = "cpu",
    threads,
  }: { readonly exifOrientation?: boolean; readonly device?: Device; readonly threads?: number },
): Promise<LocalTrainer> {
  const form = await stepForm(device);
  const build = (recompute?: (part: string) => boolean) =>
    trainingStep(model, options, {
      ...form,
      mixed: isMixed(options),
      classWeights: weightsInLoss(options, train),
      recompute,
    });
  const step = stepWithin(build, model.arch, { device }, silent);
  const session = await openSession(step.program, { device, threads });
  const lesson = lessonOf({ train, val: train }, options);
  const { resolution, seed, batchSize } = options;
  const transform = trainingPictures(options, { resolution, normalization: model.input, exifOrientation });
  const cache = openPictureCache(2 ** 30);
  return {
    async run({ epoch, first, steps, perEpoch, replica, replicas }, shared, own, signal) {
      const fresh = initialState(
        step,
        optimizerOf(options),
        (name) => shared[name] ?? model.tensors.get(mainName(name))!.data,
      );
      const state = Object.fromEntries(
        step.state.map((name) => [name, (isOwn(name) ? own?.[name] : shared[name]) ?? fresh[name]!]),
      );
      await session.setState(state);
      const start = first * replicas + replica * steps;
      const order = lesson.order(epoch).subarray(0, (start + steps) * batchSize);
      const batches = loadBatches(lesson.source, {
        ...{ transform, batchSize, seed, epoch, order, cache, signal },
        ...{ shuffle: true, start: start * batchSize, dropLast: true, onBadImage: "fail" },
      });
      const loss = new Float64Array(steps);
      const correct = new Float64Array(steps);
      let t = 0;
      for await (const batch of batches) {
        const rate = learningRateAt({ ...options, name: options.schedule }, epoch + (first + t) / perEpoch);
        const count = epoch * perEpoch + first + t + 1;
        // Among all replicas' steps, so that no two have the same noise.
        const drawn = epoch * perEpoch * replicas + start + t + 1;
        const found = await session.run({
          ...lesson.feeds(batch, epoch),
          ...noiseFeeds(step.noise, seed, drawn),
          ...step.scalars(count, rate),
        });
        for (const value of [found.loss, found.auxiliaryLoss]) checkLoss(Number(value?.[0] ?? 0), count, rate);
        checkLossScale(found.lossScale && Number(found.lossScale[0]), count, rate);
        loss[t] = Number(found.loss![0]);
        correct[t] = Number(found.correct![0]);
        t++;
      }
      const after = await session.getState();
      checkFinite(after, epoch * perEpoch + first + steps, options.learningRate);
      return { state: after, loss, correct };
    },
    dispose: () => session.dispose(),
  };
}
