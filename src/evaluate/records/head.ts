import { createHash } from "node:crypto";
import { z } from "zod";
import { CROP_MODES, ON_BAD_IMAGE, type Source } from "../../data/index.js";
import { type Model, modelFingerprint, parametersOfModel } from "../../models/index.js";
import { DEVICES, ENGINE_VERSION } from "../../runtime/index.js";
import { FIXRES_VERSION } from "../../version.js";
import { batchOf } from "../computing.js";
import type { EvaluateOptions } from "../evaluate.js";
import type { Truth } from "../metrics.js";
import { protocolOf } from "../protocol.js";
import { PROTOCOLS } from "../published.js";

const Hash = z.string().regex(/^[0-9a-f]{64}$/);

/** What an evaluation rests on: all that its numbers follow from. */
export const RecordHead = z.strictObject({
  format: z.literal("fixres-evaluation-1"),
  versions: z.strictObject({ fixres: z.string(), node: z.string(), engine: z.string() }),
  model: z.strictObject({
    /** As the user called it. */
    name: z.string(),
    arch: z.string(),
    parameters: z.number(),
    fingerprint: Hash,
  }),
  data: z.strictObject({
    name: z.string(),
    pictures: z.number(),
    /** Whether pictures are scored by their folders or by sets of right classes. */
    labels: z.enum(["folders", "real"]),
    /** Which known data set it is, by its names; null for any other. */
    protocol: z.enum(PROTOCOLS).nullable(),
    /** Hashes of the names of the classes, of the pictures in their order, and of the right answers in that order. */
    fingerprint: z.strictObject({ classes: Hash, names: Hash, labels: Hash }),
  }),
  /** What else belongs to the preprocessing stands here too. */
  settings: z.looseObject({
    resolution: z.number(),
    cropRatio: z.number(),
    interpolation: z.string(),
    cropMode: z.enum(CROP_MODES),
    mean: z.array(z.number()),
    std: z.array(z.number()),
    batchSize: z.number(),
    device: z.enum(DEVICES),
    /** null for one a core. */
    threads: z.number().nullable(),
    onBadImage: z.enum(ON_BAD_IMAGE),
  }),
});
export type RecordHead = z.infer<typeof RecordHead>;

/** What an evaluation with these options rests on. @param name - what the user calls the model */
export function recordHead(
  name: string,
  model: Model,
  source: Source,
  { preprocessing, truth, ...options }: EvaluateOptions,
): RecordHead {
  const { mean, std } = model.input;
  const labels = truth === undefined ? "folders" : "real";
  return {
    format: "fixres-evaluation-1",
    versions: { fixres: FIXRES_VERSION, node: process.versions.node, engine: `onnxruntime-node ${ENGINE_VERSION}` },
    model: {
      name,
      arch: model.arch.name,
      parameters: parametersOfModel(model),
      fingerprint: modelFingerprint(model),
    },
    data: {
      name: source.name,
      pictures: source.samples.length,
      labels,
      protocol: protocolOf(source, labels),
      fingerprint: dataFingerprint(source, truth),
    },
    settings: {
      ...preprocessing,
      // Logits of other classes do not count.
      ...(source.competing && { competing: source.competing }),
      mean: [...mean],
      std: [...std],
      batchSize: batchOf(model, { preprocessing, ...options }),
      device: options.device ?? "cpu",
      threads: options.threads ?? null,
      onBadImage: options.onBadImage ?? "fail",
    },
  };
}

/** Hashes of what a source holds, by names; not of pixels. */
export function dataFingerprint(
  { classes, samples }: Source,
  truth?: readonly Truth[],
): RecordHead["data"]["fingerprint"] {
  const [ofClasses, ofNames, ofLabels] = [createHash("sha256"), createHash("sha256"), createHash("sha256")];
  for (const name of classes) ofClasses.update(`${name}\n`);
  let i = 0;
  for (const { name, label } of samples) {
    ofNames.update(`${name}\n`);
    ofLabels.update(`${truth?.[i++] ?? label}\n`);
  }
  return { classes: ofClasses.digest("hex"), names: ofNames.digest("hex"), labels: ofLabels.digest("hex") };
}

/** What differs between two heads as `name was then, is now`; how model and data were called does not count. */
export function headDifferences<Head extends Pick<RecordHead, "model" | "data">>(then: Head, now: Head): string[] {
  const flat = (value: object, prefix = ""): [string, string][] =>
    Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? flat(inner, `${prefix}${key}.`)
        : [[`${prefix}${key}`, JSON.stringify(inner)] as [string, string]],
    );
  const earlier = new Map(flat(then));
  return flat(now)
    .filter(([key, value]) => key !== "model.name" && key !== "data.name" && earlier.get(key) !== value)
    .map(([key, value]) =>
      key.includes("fingerprint") ? `${key} differs` : `${key} was ${earlier.get(key)}, is ${value}`,
    );
}
