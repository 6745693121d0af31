import { join } from "node:path";
import { z } from "zod";
import { readJson, writeFileAtomic } from "../files.js";
import { TrainOptions } from "./options.js";

/** The whole request that a run was started with, `config.json`: another may be started by it, and the run be gone on with. */
const RunConfig = z.strictObject({
  format: z.literal("fixres-config-1"),
  /** Architecture, or the model that was trained on from. */
  model: z.string().optional(),
  /** The model that was transferred, in place of `model`. */
  from: z.string().optional(),
  width: z.number().optional(),
  depth: z.number().optional(),
  /** Paths are absolute. */
  data: z.string(),
  /** Of the validation; what is absent is the model's. */
  test: z.strictObject({
    resolution: z.number().optional(),
    cropRatio: z.number().optional(),
    interpolation: z.string().optional(),
    exifOrientation: z.boolean().optional(),
  }),
  /** Of Noisy Student: who teaches whom, on which pictures besides. */
  student: z
    .strictObject({
      teacher: z.string().optional(),
      labelFile: z.string().optional(),
      unlabelled: z.string(),
      rounds: z.number().int().min(1),
      /** Architectures of the rounds where they are not `model`; the last goes on. */
      students: z.array(z.string()),
    })
    .optional(),
  options: TrainOptions,
});
export type RunConfig = z.infer<typeof RunConfig>;

const NAME = "config.json";

/** Reads a configuration from its file, or that of a run. @throws {DataError} where it is missing or malformed */
export const loadConfig = (file: string): Promise<RunConfig> => readJson(file, RunConfig, "configuration");

export const configOf = (run: string): string => join(run, NAME);

export const saveConfig = (run: string, config: RunConfig): Promise<void> =>
  writeFileAtomic(configOf(run), `${JSON.stringify(config, null, 2)}\n`);
