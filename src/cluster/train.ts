import { join } from "node:path";
import type { Source, TestPreprocessing } from "../data/index.js";
import { DataError } from "../errors.js";
import { type EfficientNet, modelFingerprint, saveModel } from "../models/index.js";
import { type Progress, silent } from "../progress.js";
import type { Device } from "../runtime/index.js";
import {
  type ReplicaResult,
  type RoundOptions,
  type RoundRequest,
  type Rounds,
  sharedPart,
  sourceHash,
  type TrainOptions,
} from "../train/index.js";
import { packPictures, type RunSpec, runName, VERSIONS } from "./job.js";
import { connect, openQueue } from "./redis.js";
import { gather } from "./run.js";
import { keepOnlyStates, keepState, readState } from "./states.js";
import { storePath } from "./store.js";

export interface SpreadRoundsOptions extends RoundOptions {
  /** Address of Redis. */
  readonly queue: string;
  /** Folder below which everything lies that workers see. */
  readonly root: string;
  /** Of the run; states travel through its folder `rounds`, which workers write to. */
  readonly directory: string;
  readonly model: EfficientNet;
  readonly train: Source;
  /** How the training pictures were opened. */
  readonly data: string;
  readonly options: TrainOptions;
  readonly test: TestPreprocessing;
  readonly device?: Device;
  readonly progress?: Progress;
}

/** Rounds whose replicas are jobs of a queue: the command is their parent, and each round a run of one job a replica. */
export async function openRounds(options: SpreadRoundsOptions): Promise<Rounds & { close(): Promise<void> }> {
  const { root, directory, model, train, device = "cpu", progress = silent, localSteps, replicas } = options;
  const folder = join(directory, "rounds");
  const start = join(folder, "start");
  const place = {
    states: storePath(root, folder),
    start: storePath(root, start),
    data: storePath(root, options.data),
  };
  const connection = await connect(options.queue, progress.note);
  const queue = await openQueue(connection, device);
  let isSaved = false;

  /** The round as a run of the queue. */
  const specOf = ({ epoch, first, steps, perEpoch, replicas: own }: RoundRequest, shared: string): RunSpec => ({
    format: "fixres-run-1",
    versions: VERSIONS,
    work: { kind: "steps", options: options.options, data: sourceHash(train) },
    round: { ...{ epoch, first, steps, perEpoch, shared }, own: [...own], replicas, states: place.states },
    model: {
      path: place.start,
      fingerprint: modelFingerprint(model),
      mean: [...model.input.mean],
      std: [...model.input.std],
    },
    preprocessing: options.test,
    batchSize: options.options.batchSize,
    ...{ device, onBadImage: "fail" },
    data: { name: train.name, source: { path: place.data, split: "train" } },
  });

  const once = async (request: RoundRequest, spec: RunSpec): Promise<ReplicaResult[]> => {
    const run = {
      name: runName(spec, 1, ""),
      spec,
      about: { task: "train", model: model.arch.name, data: train.name },
      ...{ pictures: replicas, shardSize: 1, skip: 0, resultBytes: 64 + 16 * localSteps, anyOrder: false },
      picturesOf: async (replica: number) => packPictures({ indices: [replica], names: [`replica ${replica}`] }),
    };
    const found: ReplicaResult[] = [];
    for await (const { result } of gather(connection, queue, run, { signal: request.signal, note: progress.note })) {
      const { state, loss, correct } = result.arrays as Record<string, Uint8Array>;
      const hash = Buffer.from(state!).toString("hex");
      const shared = sharedPart(await readState(folder, hash));
      found.push({ place: hash, shared, loss: loss!, correct: correct! });
    }
    return found;
  };

  return {
    ...{ localSteps, replicas },
    ...{ outerLearningRate: options.outerLearningRate, outerMomentum: options.outerMomentum },
    async run(request) {
      if (!isSaved) await saveModel(start, model);
      isSaved = true;
      const spec = specOf(request, await keepState(folder, request.shared));
      return once(request, spec).catch((error: unknown) => {
        if (!(error instanceof DataError)) throw error;
        // A result of an earlier run of the same name, whose files are gone: it is computed again.
        return once(request, spec);
      });
    },
    kept: (own) => keepOnlyStates(folder, own),
    async close() {
      await queue.close().catch(() => {});
      await connection.close();
    },
  };
}
