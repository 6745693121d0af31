import { join } from "node:path";
import type { BadPicture, Splits } from "../data/index.js";
import { RequestError } from "../errors.js";
import { type Accuracy, type PairedGain, pairedGain, recordHead, type Scored, saveRecord } from "../evaluate/index.js";
import { makeFolder } from "../files.js";
import { type Model, saveModel } from "../models/index.js";
import { sourceHash } from "../train/index.js";
import type { CacheWhere } from "./features/features.js";
import type { TuneModeName } from "./modes.js";
import type { TuneOptions } from "./options.js";
import type { SolveReport } from "./solver/index.js";
import { foldedAgain } from "./top.js";
import { tunedModel } from "./tuned-model.js";
import { type Selection, Tuning, type TuningSurroundings } from "./tuning.js";

/** What surrounds a tuning that leaves a model. */
export interface TuneSurroundings extends TuningSurroundings {
  /** Model directory to write. */
  readonly directory: string;
  /** How the epoch was chosen already, as by `choose`. */
  readonly selection?: Selection;
}

export interface TuneResult extends PairedGain {
  readonly model: string;
  /** On the same validation pictures, at the same resolution. */
  readonly before: Accuracy;
  readonly after: Accuracy;
  readonly resolution: number;
  readonly mode: TuneModeName;
  /** Mean training loss of each epoch. */
  readonly losses: readonly number[];
  /** Of the epochs that this run has computed. */
  readonly epochSeconds: readonly number[];
  /** What the solver lbfgs found; null for SGD. */
  readonly solved: SolveReport | null;
  /** Null where the last epoch was taken. */
  readonly selection: Selection | null;
  readonly bad: readonly BadPicture[];
  readonly seconds: number;
  readonly cache: {
    readonly bytes: number;
    readonly where: CacheWhere;
    /** Pictures whose features were computed, and not found. */
    readonly computed: number;
  };
}

/**
 * FixRes: fine-tunes the top of a classifier at a test resolution with test-time preprocessing, and says what that gained on
 * the validation pictures (arXiv 1906.06423, section 4.2). Features below the cut are computed once, and kept for later runs. A run
 * that was stopped at any moment goes on when it is called again, and ends in the same bytes.
 * @throws {RequestError} for options that cannot be  @throws {FailedError} where the loss is not finite
 */
export async function tune(
  model: Model,
  data: Splits,
  options: TuneOptions,
  surroundings: TuneSurroundings,
): Promise<TuneResult> {
  const started = performance.now();
  const { directory } = surroundings;
  if (options.solver === "lbfgs" && options.selectOn !== "none" && surroundings.selection === undefined) {
    throw new RequestError(
      "the solver lbfgs has no epochs to choose, and its strength is chosen by the holdout in any case; leave out --select-on.",
    );
  }
  const tuning = new Tuning(model, data, options, surroundings);
  try {
    await makeFolder(directory);
    const train = await tuning.training();
    const val = await tuning.validation();
    const start = await tuning.start(train.plain);
    const before = await tuning.score("before", start, val);
    const selection = surroundings.selection ?? (await tuning.select(start, train, async () => val));
    const { tensors, losses, epochSeconds, solved } = await tuning.fit("tune", start, train, selection?.epoch);
    const tuned = tunedModel(start, tensors, options, {
      classes: data.train.classes,
      selection,
      solved,
      facts: { pictures: data.train.samples.length, data: sourceHash(data.train) },
    });
    const after = await tuning.score("after", tuned, val);
    const saved = { ...tuned, tensors: foldedAgain(tuning.division, tuned.tensors) };
    await saveModel(directory, saved);
    const keep = async (name: string, of: Model, scored: readonly Scored[]): Promise<void> => {
      const head = recordHead(name, of, data.val, {
        ...options,
        device: surroundings.device,
        threads: surroundings.threads,
      });
      await saveRecord(join(directory, "evaluations", name), head, data.val, scored);
    };
    await keep("before", model, before.scored);
    await keep("after", saved, after.scored);
    await tuning.forget();
    return {
      ...pairedGain(before.correct, after.correct),
      model: directory,
      before: before.accuracy,
      after: after.accuracy,
      resolution: options.preprocessing.resolution,
      mode: options.mode,
      losses,
      epochSeconds,
      solved,
      selection,
      bad: [...val.bad, ...train.bad],
      seconds: (performance.now() - started) / 1000,
      cache: { bytes: train.bytes + val.bytes, where: train.where, computed: train.computed + val.computed },
    };
  } finally {
    await tuning.dispose();
  }
}
