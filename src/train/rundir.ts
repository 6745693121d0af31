import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import type { Source } from "../data/index.js";
import { RequestError } from "../errors.js";
import { exists, makeFolder, readJson, writeFileAtomic } from "../files.js";
import { configOf, loadConfig, type RunConfig, saveConfig } from "./config.js";
import { type Metrics, openMetrics } from "./metrics.js";
import { TrainOptions } from "./options.js";

/** What a run was started with; it goes on only with the same. */
const RunFile = z.strictObject({
  format: z.literal("fixres-run-1"),
  arch: z.string(),
  width: z.number(),
  depth: z.number(),
  /** Provenance of the model that it started from. */
  from: z.unknown(),
  classes: z.array(z.string()),
  /** Number of training pictures, and a hash of their names, labels and order. */
  pictures: z.number(),
  data: z.string(),
  /** The same hash of the validation pictures, and how those are shown: epochs are compared by both. */
  val: z.string(),
  test: z.record(z.string(), z.unknown()),
  /** A hash of the pictures that a teacher labelled, and of its labels; empty where there are none. */
  taught: z.string().default(""),
  /** How it is cut into rounds; null where it is not. */
  rounds: z
    .strictObject({
      localSteps: z.number(),
      replicas: z.number(),
      outerLearningRate: z.number(),
      outerMomentum: z.number(),
    })
    .nullable()
    .default(null),
  options: TrainOptions,
});
export type RunFile = z.infer<typeof RunFile>;

/** A hash of which pictures a source holds, with what labels, in what order; not of their pixels. */
export function sourceHash({ samples }: Source): string {
  const hash = createHash("sha256");
  for (const { name, label } of samples) hash.update(`${label} ${name}\n`);
  return hash.digest("hex").slice(0, 16);
}

/** Folder of the models that are kept for being among the best. */
const EPOCHS = "epochs";

/** The files of a run. */
export interface RunDirectory {
  readonly checkpoint: string;
  readonly model: string;
  readonly best: string;
  /** Directory of the model after an epoch, from 1, that is kept for being among the best. */
  kept(epoch: number): string;
  /** Removes the models of all other epochs. */
  keepOnly(epochs: readonly number[]): Promise<void>;
  /** True where a checkpoint to go on from is there. */
  readonly resumed: boolean;
  readonly metrics: Metrics;
  close(): Promise<void>;
}

/**
 * Opens the directory of a run, or makes it.
 * @throws {RequestError} where it belongs to a run with other options, each of which is named, or to students
 */
export async function openRun(directory: string, run: RunFile, config?: RunConfig): Promise<RunDirectory> {
  const file = join(directory, "options.json");
  if (await exists(file)) {
    const earlier = await readJson(file, RunFile, "run");
    const changed = differences(earlier, run);
    if (changed.length > 0) {
      throw new RequestError(
        `"${directory}" holds a run with other options: ${changed.join("; ")}. Give the same ones to go on with it, or another --out.`,
      );
    }
  } else {
    if ((await exists(configOf(directory))) && (await loadConfig(configOf(directory))).student !== undefined)
      throw new RequestError(`"${directory}" holds students and their teacher (docs/STUDENT.md); give another --out.`);
    await makeFolder(directory);
    // The options last: with them a run is there.
    if (config !== undefined) await saveConfig(directory, config);
    await writeFileAtomic(file, `${JSON.stringify(run, null, 2)}\n`);
  }
  const kept = (epoch: number): string => join(directory, EPOCHS, String(epoch).padStart(4, "0"));
  const checkpoint = join(directory, "checkpoint.safetensors");
  const metrics = await openMetrics(directory);
  return {
    checkpoint,
    model: join(directory, "model"),
    best: join(directory, "best"),
    kept,
    async keepOnly(epochs) {
      const wanted = new Set(epochs.map((epoch) => basename(kept(epoch))));
      for (const name of await readdir(join(directory, EPOCHS)).catch(() => []))
        if (!wanted.has(name)) await rm(join(directory, EPOCHS, name), { recursive: true });
    },
    resumed: await exists(checkpoint),
    metrics,
    close: () => metrics.close(),
  };
}

/** The options that two runs do not share, as `name: then, now`. */
function differences(then: RunFile, now: RunFile): string[] {
  const flat = ({ options, test, ...rest }: RunFile): Record<string, unknown> => ({
    ...rest,
    ...options,
    ...Object.fromEntries(Object.entries(test).map(([name, value]) => [`test ${name}`, value])),
  });
  const [a, b] = [flat(then), flat(JSON.parse(JSON.stringify(now)) as RunFile)];
  return Object.keys(b)
    .filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]))
    .map((key) =>
      key === "classes" || key === "from"
        ? `${key} differ`
        : `${key} was ${JSON.stringify(a[key])}, is ${JSON.stringify(b[key])}`,
    );
}
