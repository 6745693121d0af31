import { z } from "zod";
import { DataError } from "../errors.js";
import type { TypedArray } from "../onnx/index.js";
import { readSafetensors, type Tensor, writeSafetensors } from "../weights/index.js";

/** How far a run is: all that its continuation depends on, besides the tensors. */
const RunState = z.object({
  /** Steps done. */
  step: z.number().int(),
  /** Epochs done. */
  epoch: z.number().int(),
  /** Of the epoch under way: steps done, position in its order, and sums over its pictures so far. */
  stepInEpoch: z.number().int(),
  position: z.number().int(),
  pictures: z.number().int(),
  lossSum: z.number(),
  correctSum: z.number(),
  badPictures: z.number().int(),
  /** Length of the metrics file; what lies behind it belongs to steps that are done again. */
  metricsBytes: z.number().int(),
  best: z.object({ epoch: z.number().int(), top1: z.number() }).nullable(),
  /** The best epochs by the run's metric, the best first: as many as are kept, at least that one. */
  standing: z.array(z.object({ epoch: z.number().int(), value: z.number() })),
  /** Where each replica's own state is, in a run by rounds. */
  replicas: z.array(z.string()).default([]),
});
export type RunState = z.infer<typeof RunState>;

export const FRESH: RunState = {
  step: 0,
  epoch: 0,
  stepInEpoch: 0,
  position: 0,
  pictures: 0,
  lossSum: 0,
  correctSum: 0,
  badPictures: 0,
  metricsBytes: 0,
  best: null,
  standing: [],
  replicas: [],
};

/** Tensors by name as a session carries them: parameters, running statistics, optimizer slots. */
export type StateTensors = Readonly<Record<string, TypedArray>>;

/** Writes both in one file, which is renamed into place, so that there is always a whole one. */
export async function saveCheckpoint(path: string, state: StateTensors, run: RunState): Promise<void> {
  const tensors = new Map<string, Tensor>(
    Object.entries(state).map(([name, data]) => [name, { type: "float32", shape: [data.length], data }]),
  );
  await writeSafetensors(path, tensors, { run: JSON.stringify(run) });
}

/** A checkpoint that was read. */
export interface Checkpoint {
  readonly run: RunState;
  /** Tensors of the state. @throws {DataError} where one of `names` is missing */
  state(names: readonly string[]): StateTensors;
}

/** Reads a checkpoint. @throws {DataError} where it is damaged */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  const { tensors, metadata } = await readSafetensors(path);
  const run = RunState.safeParse(parsed(metadata.run));
  const fail = (fault: string): never => {
    throw new DataError(`checkpoint "${path}" does not belong to this run: ${fault}. Delete the run to begin anew.`);
  };
  return {
    run: run.success ? run.data : fail("its run state is malformed"),
    state: (names) =>
      Object.fromEntries(names.map((name) => [name, tensors.get(name)?.data ?? fail(`"${name}" is missing`)])),
  };
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
