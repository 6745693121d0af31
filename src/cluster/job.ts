import { createHash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { z } from "zod";
import { CROP_MODES, ON_BAD_IMAGE, type TestPreprocessing, TRANSFORMS } from "../data/index.js";
import { DataError } from "../errors.js";
import { RECIPE_NAMES } from "../fixres/index.js";
import { DEVICES, ENGINE_VERSION } from "../runtime/index.js";
import { TrainOptions } from "../train/index.js";
import { VERSION } from "../version.js";

const Hash = z.string().regex(/^[0-9a-f]{64}$/);
const Channels = z.array(z.number()).length(3);

const Preprocessing = z.strictObject({
  resolution: z.number(),
  cropRatio: z.number(),
  interpolation: z.string(),
  cropMode: z.enum(CROP_MODES),
  transform: z.enum(TRANSFORMS).optional(),
  mean: Channels.readonly().optional(),
  exifOrientation: z.boolean().optional(),
});

/** What the shards of a run have in common: all that their results follow from, but for the pictures. */
export const RunSpec = z.strictObject({
  format: z.literal("fixres-run-1"),
  versions: z.strictObject({ fixres: z.string(), engine: z.string() }),
  /** What a picture gives: its scores, its features and softmax, or its features below a cut. */
  work: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("scores") }),
    z.strictObject({ kind: z.literal("extract") }),
    z.strictObject({
      kind: z.literal("features"),
      mode: z.string(),
      type: z.enum(["float16", "float32"]),
      recipe: z.enum(RECIPE_NAMES),
      seed: z.number(),
      draw: z.number(),
    }),
    /** Or a replica's steps of a training run, whose result is a state in the store. */
    z.strictObject({
      kind: z.literal("steps"),
      options: TrainOptions,
      /** Hash of which pictures it trains by. */
      data: z.string(),
    }),
  ]),
  /** Of training: which steps, and from which states. */
  round: z
    .strictObject({
      epoch: z.number().int(),
      first: z.number().int(),
      steps: z.number().int().positive(),
      perEpoch: z.number().int().positive(),
      replicas: z.number().int().positive(),
      /** Folder of the states, from the store's root. */
      states: z.string(),
      /** What all replicas begin with, and what each has kept for itself; none before the first round. */
      shared: Hash,
      own: z.array(Hash),
    })
    .optional(),
  model: z.strictObject({
    /** From the store's root. */
    path: z.string(),
    fingerprint: Hash,
    mean: Channels,
    std: Channels,
    /** For workers that fetch it: the files of a model directory, or the one of an ONNX model, called "". */
    files: z.array(z.strictObject({ name: z.string(), size: z.number(), sha256: Hash })).optional(),
  }),
  preprocessing: Preprocessing,
  /** Pictures a run of the engine: results depend on it in their last digits. */
  batchSize: z.number().int().positive(),
  device: z.enum(DEVICES),
  onBadImage: z.enum(ON_BAD_IMAGE),
  data: z.strictObject({
    name: z.string(),
    /** Classes that alone compete. */
    competing: z.array(z.number()).optional(),
    /** How a worker opens what is neither files nor parts of files, such as Parquet. */
    source: z
      .strictObject({ path: z.string(), split: z.enum(["train", "val"]), labels: z.string().optional() })
      .optional(),
  }),
});
export type RunSpec = z.infer<typeof RunSpec>;

/** The versions that jobs are made by and for. */
export const VERSIONS: RunSpec["versions"] = { fixres: VERSION, engine: `onnxruntime-node ${ENGINE_VERSION}` };

/** Pictures of a shard, each list [n]. */
const Pictures = z.strictObject({
  /** Indices into the source of the whole run, which random transforms are drawn by. */
  indices: z.array(z.number()),
  /** Names in the source, for messages; a worker that opens the source itself looks for them there. */
  names: z.array(z.string()),
  /** What messages call them, where that is not the path of the file on the command's machine, below `root`. */
  paths: z.array(z.string()).optional(),
  root: z.string().optional(),
  /** Right answers, where they are scored. */
  truth: z.array(z.union([z.number(), z.array(z.number())])).optional(),
  /** Files from the store's root, where pictures are files or parts of such. */
  files: z.array(z.string()).optional(),
  /** Byte and length of each within its file, where it is a part. */
  ranges: z.array(z.tuple([z.number(), z.number()])).optional(),
  /** Of the bytes of each, where workers fetch them. */
  sha256: z.array(Hash).optional(),
});
export type Pictures = z.infer<typeof Pictures>;

/** A job of the queue. */
export const ShardJob = z.strictObject({
  run: z.string(),
  shard: z.number().int().nonnegative(),
  /** Position of its first picture in the run's order, and how many it has. */
  start: z.number().int().nonnegative(),
  count: z.number().int().positive(),
  /** `Pictures`, packed: a job is kept in Redis's memory. */
  pictures: z.string(),
});
export type ShardJob = z.infer<typeof ShardJob>;

export const packPictures = (pictures: Pictures): string =>
  deflateRawSync(Buffer.from(JSON.stringify(pictures)), { level: 1 }).toString("base64");

/** @throws {DataError} where they are not what a command of this version writes */
export function unpackPictures(text: string): Pictures {
  try {
    return Pictures.parse(
      JSON.parse(inflateRawSync(Buffer.from(text, "base64"), { maxOutputLength: 2 ** 28 }).toString()),
    );
  } catch {
    throw new DataError("a job's list of pictures is not what fixres writes; run the command again.");
  }
}

/** The name of a run: the same work has the same one, so that a command that was killed finds what is done already. */
export function runName(spec: RunSpec, shardSize: number, pictures: string): string {
  return createHash("sha256")
    .update(JSON.stringify([spec, shardSize, pictures]))
    .digest("hex")
    .slice(0, 20);
}

/** The id of a shard's job: adding it twice is adding it once. */
export const jobName = (run: string, shard: number): string => `${run}-${shard}`;

/** The preprocessing as transforms take it. */
export const preprocessingOf = (spec: RunSpec): TestPreprocessing => spec.preprocessing;
