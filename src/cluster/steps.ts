import type { Source } from "../data/index.js";
import { isEfficientNet, type Model } from "../models/index.js";
import { isOwn, type LocalResult, openLocalTrainer, sourceHash } from "../train/index.js";
import type { RunSpec } from "./job.js";
import { keepState, readState } from "./states.js";
import { type Store, Unavailable } from "./store.js";

/** Steps of replicas as workers take them, one replica after the other: they share a session. */
export interface StepsEngine {
  /** @returns the hash of the replica's state, by which it is kept, and what each step came to */
  compute(
    spec: RunSpec,
    source: Source,
    replica: number,
    signal: AbortSignal,
  ): Promise<Pick<LocalResult, "loss" | "correct"> & { readonly state: Uint8Array }>;
  dispose(): Promise<void>;
}

export function openSteps(spec: RunSpec, model: Model, store: Store, threads: number | undefined): StepsEngine {
  const { work, preprocessing, device } = spec;
  if (work.kind !== "steps" || !isEfficientNet(model)) throw new Error("the job is not one of training");
  let trainer: ReturnType<typeof openLocalTrainer> | null = null;
  let last: Promise<unknown> = Promise.resolve();
  const compute: StepsEngine["compute"] = async ({ round }, source, replica, signal) => {
    signal.throwIfAborted();
    const { shared, own, states, ...steps } = round!;
    const folder = store.local(states);
    if (folder === null)
      throw new Unavailable(`training writes to the store, and ${store.name} is none that is a folder`);
    if (sourceHash(source) !== work.data)
      throw new Unavailable(`the pictures in ${store.name} are not those of the command; bring the data in line`);
    const { exifOrientation } = preprocessing;
    trainer ??= openLocalTrainer(model, source, work.options, { exifOrientation, device, threads });
    const before = await readState(folder, shared);
    const slots = own[replica] === undefined ? null : await readState(folder, own[replica]);
    const kept = slots && Object.fromEntries(Object.entries(slots).filter(([name]) => isOwn(name)));
    const { state, loss, correct } = await (await trainer).run({ ...steps, replica }, before, kept, signal);
    return { state: Uint8Array.from(Buffer.from(await keepState(folder, state), "hex")), loss, correct };
  };
  return {
    compute(...asked) {
      const next = last.then(() => compute(...asked));
      last = next.catch(() => {});
      return next;
    },
    async dispose() {
      await last;
      await (await trainer)?.dispose();
    },
  };
}
