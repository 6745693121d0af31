import { RequestError } from "../errors.js";

export const SCHEDULES = ["constant", "cosine", "step", "exponential"] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

/** How the learning rate moves over a run; every length is in epochs and may be a fraction. */
export interface Schedule {
  readonly name: ScheduleName;
  /** The learning rate at the end of the warm-up. */
  readonly learningRate: number;
  readonly epochs: number;
  /** Linear from 0 at the first step; it takes the place of the schedule's beginning. */
  readonly warmupEpochs?: number;
  /** `step` and `exponential`: what the rate is multiplied by every `decayEpochs`. */
  readonly decayFactor?: number;
  readonly decayEpochs?: number;
}

/**
 * The learning rate of a step: `constant` l; `cosine` l (1 + cos(π t)) / 2 with t the fraction of the run
 * (arXiv 1608.03983); `step` l f^floor(e / d), f = 0.1 and d = 30 unless given; `exponential` the same without the floor.
 * @param epoch - epochs done before the step, with the fraction of the one under way
 */
export function learningRateAt(schedule: Schedule, epoch: number): number {
  const { name, learningRate, epochs, warmupEpochs = 0, decayFactor = 0.1, decayEpochs = 30 } = schedule;
  if (epoch < warmupEpochs) return (learningRate * epoch) / warmupEpochs;
  switch (name) {
    case "constant":
      return learningRate;
    case "cosine":
      return (learningRate * (1 + Math.cos((Math.PI * Math.min(epoch, epochs)) / epochs))) / 2;
    case "step":
      return learningRate * decayFactor ** Math.floor(epoch / decayEpochs);
    case "exponential":
      return learningRate * decayFactor ** (epoch / decayEpochs);
    default:
      return name satisfies never;
  }
}

/** Checks a schedule from outside. @throws {RequestError} naming the value and what is allowed */
export function checkSchedule({ name, learningRate, epochs, warmupEpochs = 0 }: Schedule): void {
  if (!SCHEDULES.includes(name))
    throw new RequestError(`schedule "${name}" is unknown; choose one of ${SCHEDULES.join(", ")}.`);
  if (!(learningRate > 0 && Number.isFinite(learningRate)))
    throw new RequestError(`the learning rate is ${learningRate}; it must be above 0, such as 0.1.`);
  if (!(warmupEpochs >= 0 && warmupEpochs <= epochs))
    throw new RequestError(`the warm-up of ${warmupEpochs} epochs must lie within the run's ${epochs}.`);
}
