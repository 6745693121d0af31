import type { SpreadRoundsOptions } from "../cluster/index.js";
import { RequestError } from "../errors.js";
import type { Rounds } from "../train/index.js";
import { checkRounds, type TrainOptions } from "../train/index.js";
import { queueAddress } from "./queue-options.js";
import type { TrainCommandOptions } from "./train-options.js";

/** What the command line says of rounds; null where it asks for none. @throws {RequestError} for what does not go together */
export function roundsAsked(typed: TrainCommandOptions, options: TrainOptions) {
  const { queue, store, localSteps, replicas, outerLearningRate, outerMomentum } = typed;
  if (queue === undefined) {
    if ([store, localSteps, replicas, outerLearningRate, outerMomentum].some((given) => given !== undefined))
      throw new RequestError(
        "--store, --local-steps, --replicas, --outer-learning-rate and --outer-momentum are of use with --queue alone; leave them out.",
      );
    return null;
  }
  if (localSteps === undefined || replicas === undefined)
    throw new RequestError("training by --queue goes in rounds; give --local-steps, such as 100, and --replicas.");
  if (typed.findLr !== undefined) throw new RequestError("--find-lr tries rates in this process; leave out --queue.");
  const rounds = { localSteps, replicas, outerLearningRate: outerLearningRate ?? 1, outerMomentum: outerMomentum ?? 0 };
  checkRounds(options, rounds);
  return { queue: queueAddress(queue), root: store ?? "/", ...rounds };
}

/** Opens the queue for them. */
export async function openRoundsOf(
  asked: ReturnType<typeof roundsAsked>,
  of: Omit<SpreadRoundsOptions, keyof NonNullable<ReturnType<typeof roundsAsked>>>,
): Promise<(Rounds & { close(): Promise<void> }) | undefined> {
  if (asked === null) return undefined;
  // Loaded here, so that nobody else waits for it.
  const { openRounds } = await import("../cluster/index.js");
  return openRounds({ ...asked, ...of });
}
