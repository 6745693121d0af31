import { rm } from "node:fs/promises";
import { z } from "zod";
import { DataError } from "../errors.js";
import { exists } from "../files.js";
import { readSafetensors, type Tensor, writeSafetensors } from "../weights/index.js";
import type { FitSoFar, FitState } from "./fit.js";

const Judged = z.object({
  top1: z.number(),
  top5: z.number(),
  loss: z.number(),
  n: z.number(),
  ci95: z.tuple([z.number(), z.number()]),
});
const Head = z.object({ key: z.string(), losses: z.array(z.number()), judged: z.array(Judged) });

/** Least seconds between two files: an epoch over kept features may take less than writing what it led to. */
const INTERVAL_SECONDS = 5;

/** How far a fit is, in a file, for the next run after one that was killed. */
export interface ProgressFile {
  /** What an earlier run of the same has left; null where there is nothing. */
  resumed(): Promise<FitState | null>;
  /** Writes the state, unless it was written just now. */
  keep(state: FitSoFar): Promise<void>;
  remove(): Promise<void>;
}

/** @param key - all that the fit depends on; a file of another key, or a damaged one, counts as none */
export function progressFile(path: string, key: string): ProgressFile {
  let written = performance.now();
  return {
    async resumed() {
      if (!(await exists(path))) return null;
      try {
        const { tensors, metadata } = await readSafetensors(path);
        const head = Head.parse(JSON.parse(metadata.fit ?? "null"));
        if (head.key !== key) return null;
        const state = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data as Float32Array]));
        return { tensors: state, losses: head.losses, judged: head.judged };
      } catch (error) {
        if (error instanceof DataError || error instanceof z.ZodError || error instanceof SyntaxError) return null;
        throw error;
      }
    },
    async keep(state) {
      if (performance.now() - written < 1000 * INTERVAL_SECONDS) return;
      const { losses, judged } = state;
      const flat = new Map<string, Tensor>(
        Object.entries(await state.tensors()).map(([name, data]) => [
          name,
          { type: "float32", shape: [data.length], data },
        ]),
      );
      await writeSafetensors(path, flat, { fit: JSON.stringify({ key, losses, judged }) });
      written = performance.now();
    },
    remove: () => rm(path, { force: true }),
  };
}
