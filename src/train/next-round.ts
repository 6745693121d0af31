import type { RunState, StateTensors } from "./checkpoint.js";
import type { TrainOptions } from "./options.js";
import { outerStep, type Rounds, roundMetrics, sharedPart } from "./rounds.js";
import { learningRateAt } from "./schedule.js";

/** What a round depends on besides the run's place and state. */
interface RoundOf {
  /** Steps of each replica in an epoch. */
  readonly perEpoch: number;
  readonly options: TrainOptions;
  readonly trained: readonly string[];
  readonly signal?: AbortSignal;
}

/** Has a round carried out. @returns where the run then is, what it carries, and a row of metrics for each step */
export async function nextRound(
  rounds: Rounds,
  before: RunState,
  old: StateTensors,
  { perEpoch, options, trained, signal }: RoundOf,
) {
  const { epoch, stepInEpoch: first, replicas } = before;
  const steps = Math.min(rounds.localSteps, perEpoch - first);
  const found = await rounds.run({ epoch, first, steps, perEpoch, shared: sharedPart(old), replicas, signal });
  const all = found.map(({ shared }) => shared);
  const shared = outerStep(old, all, trained, rounds);
  const pictures = options.batchSize * rounds.replicas;
  let state: RunState = { ...before, replicas: found.map(({ place }) => place) };
  const rows = Array.from({ length: steps }, (_, i) => {
    const { loss, correct } = roundMetrics(found, i);
    const learningRate = learningRateAt({ ...options, name: options.schedule }, epoch + (first + i) / perEpoch);
    state = {
      ...state,
      step: state.step + 1,
      stepInEpoch: state.stepInEpoch + 1,
      position: state.position + pictures,
      pictures: state.pictures + pictures,
      lossSum: state.lossSum + loss * pictures,
      correctSum: state.correctSum + correct,
    };
    return { kind: "step" as const, step: state.step, epoch: epoch + 1, learningRate, loss };
  });
  return { state, shared, rows };
}
