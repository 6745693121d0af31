import { stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EXPORT_KEY } from "../classifier.js";
import { DataError } from "../errors.js";
import { checkedJson, makeFolder, readJson, writeFileAtomic } from "../files.js";
import { withValues } from "../onnx/index.js";
import { CROP_MODES, TRANSFORMS } from "../pixels/index.js";
import { openUnread, readSafetensors, type Tensor, writeSafetensors } from "../weights/index.js";
import { familyModel, type Model, modelFile, modelOfFile, ONNX } from "./model.js";
import { readOnnx } from "./onnx-file.js";
import { isOnnxNetwork, type OnnxNetwork } from "./onnx-network.js";

const Channels = z.array(z.number()).length(3).readonly();

/** What a picture must become before the network sees it; it travels with the weights. */
const InputSpec = z.object({
  /** Height and width of the crop, px. */
  resolution: z.number().int().positive(),
  /** The crop's side over the resized picture's shorter side, c. */
  cropRatio: z.number().positive(),
  /** Name of Pillow's resampling filter. */
  interpolation: z.string(),
  cropMode: z.enum(CROP_MODES).default("center"),
  /** Whose resize it is; `standard` unless given. */
  transform: z.enum(TRANSFORMS).optional(),
  /** Whether pictures are turned as their EXIF block says; false unless given. */
  exifOrientation: z.boolean().optional(),
  mean: Channels,
  std: Channels,
});
export type InputSpec = z.infer<typeof InputSpec>;

/** One thing that was done to make a model what it is; further facts stand beside `what`. */
const Provenance = z.looseObject({
  what: z.enum(["initialised", "imported", "trained", "tuned", "averaged", "exported"]),
});
export type Provenance = z.infer<typeof Provenance>;

/** `model.json` of a model directory. */
const ModelFile = z.object({
  format: z.literal("fixres-model-1"),
  /** A name of the family, or `onnx` for a network that is described by the ONNX file beside it. */
  arch: z.string(),
  /** Multipliers of channels and repeats, and the epsilon of BatchNorm, where they are not the architecture's own. */
  width: z.number().optional(),
  depth: z.number().optional(),
  batchNormEpsilon: z.number().positive().optional(),
  classes: z.array(z.string()).min(1),
  input: InputSpec,
  provenance: z.array(Provenance),
});

/** What `model.json` holds. */
export type ModelFile = z.input<typeof ModelFile>;

const SPEC = "model.json";
const WEIGHTS = "weights.safetensors";
const GRAPH = "model.onnx";

/**
 * Reads a model directory, or a classifier as an ONNX file: an export of fixres, or any other's.
 * @throws {DataError} where a file is missing or malformed, or the tensors are not the architecture's: each is listed
 */
export async function loadModel(path: string): Promise<Model> {
  const found = await stat(path).catch(() => null);
  if (found === null)
    throw new DataError(
      `model "${path}" does not exist; give a model directory (${SPEC}, ${WEIGHTS}) or an ONNX file.`,
    );
  if (found.isDirectory()) {
    const weights = join(path, WEIGHTS);
    // The disk works while this thread checks the rest; what fails there counts when its turn comes.
    const tensors = weightsIn(weights);
    tensors.catch(() => {});
    const spec = await readJson(join(path, SPEC), ModelFile, "model");
    return spec.arch === ONNX ? onnxModel(join(path, GRAPH), spec) : familyModel(spec, await tensors, weights);
  }
  if (!path.endsWith(".onnx"))
    throw new DataError(
      `model "${path}" is a file; give a model directory, which holds ${SPEC} and ${WEIGHTS}, or an .onnx file.`,
    );
  return onnxModel(path);
}

/**
 * From this size on weights stay on disk until they are looked at, bytes: where the engine maps them, L2 takes half the memory and
 * is ready in a third of the time. Smaller ones gain nothing, and are better in memory, whatever becomes of their file.
 */
const LARGE = 2 ** 28;

async function weightsIn(path: string): Promise<ReadonlyMap<string, Tensor>> {
  const size = (await stat(path).catch(() => null))?.size ?? 0;
  return size < LARGE ? (await readSafetensors(path)).tensors : openUnread(path);
}

/** The classifier in an ONNX file. @param given - what stands beside it; else its metadata, or what the graph itself shows */
async function onnxModel(path: string, given?: z.output<typeof ModelFile>): Promise<Model> {
  const { network, tensors, metadata } = await readOnnx(path);
  const text = metadata[EXPORT_KEY];
  const spec = given ?? (text === undefined ? null : checkedJson(text, ModelFile, `metadata of model "${path}"`));
  return modelOfFile({ network, tensors }, spec, path);
}

/** Writes a model directory, weights first, so that a directory with a `model.json` is always complete. */
export async function saveModel(directory: string, model: Model): Promise<void> {
  await makeFolder(directory);
  const { arch, tensors } = model;
  if (isOnnxNetwork(arch)) await writeFileAtomic(join(directory, GRAPH), onnxFile(model, arch));
  else await writeSafetensors(join(directory, WEIGHTS), tensors, { format: "pt" });
  await writeFileAtomic(join(directory, SPEC), `${JSON.stringify(modelFile(model), null, 2)}\n`);
}

/** A network that came as an ONNX file with the model's values: the same graph, and what `model.json` says in its metadata. */
function onnxFile(model: Model, { file }: OnnxNetwork): Uint8Array {
  const values = new Map([...model.tensors].map(([name, { data }]) => [name, data as Float32Array]));
  return withValues(file, values, { [EXPORT_KEY]: JSON.stringify(modelFile(model)) });
}
