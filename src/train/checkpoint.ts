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

/** Reads a checkpoint. @throws {DataError} where it is damaged or holds other tensors than `names` */
export async function loadCheckpoint(
  path: string,
  names: readonly string[],
): Promise<{ state: StateTensors; run: RunState }> {
  const { tensors, metadata } = await readSafetensors(path);
  const run = RunState.safeParse(parsed(metadata.run));
  const missing = names.filter((name) => !tensors.has(name));
  if (!run.success || missing.length > 0) {
    const fault = run.success ? `"${missing[0]}" is missing` : "its run state is malformed";
    throw new DataError(`checkpoint "${path}" does not belong to this run: ${fault}. Delete the run to begin anew.`);
  }
  return { state: Object.fromEntries(names.map((name) => [name, tensors.get(name)!.data])), run: run.data };
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
