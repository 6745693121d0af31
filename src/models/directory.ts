import { stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EXPORT_KEY } from "../classifier.js";
import { DataError } from "../errors.js";
import { checkedJson, makeFolder, readJson, writeFileAtomic } from "../files.js";
import { sameShape, showShape, type Value, withValues } from "../onnx/index.js";
import { CROP_MODES, TRANSFORMS } from "../pixels/index.js";
import { openUnread, readSafetensors, type Tensor, writeSafetensors } from "../weights/index.js";
import { type Architecture, architecture } from "./family.js";
import { initialWeights, parametersOf } from "./initialize.js";
import { readOnnx } from "./onnx-file.js";
import { isOnnxNetwork, type OnnxNetwork } from "./onnx-network.js";
import { specOf } from "./onnx-spec.js";
import { HALF_NORMALIZATION, IMAGENET_NORMALIZATION } from "./preprocess.js";

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

/** A classifier: what it is, what it takes, how it came to be, and its parameters by timm's names or those of its ONNX file. */
export interface Model<A extends Architecture | OnnxNetwork = Architecture | OnnxNetwork> {
  readonly arch: A;
  readonly classes: readonly string[];
  readonly input: InputSpec;
  readonly provenance: readonly Provenance[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** What was assumed where a file does not say. */
  readonly notes?: readonly string[];
}

/** A model of the family, which can be trained from scratch. */
export type EfficientNet = Model<Architecture>;

/** True for a model of the family. */
export const isEfficientNet = (model: Model): model is EfficientNet => !isOnnxNetwork(model.arch);

/**
 * A model with the reference initialisation and `defaultInput`.
 */
export function freshModel(arch: Architecture, classes: readonly string[], seed: number): EfficientNet {
  return {
    arch,
    classes,
    input: defaultInput(arch),
    provenance: [{ what: "initialised", seed }],
    tensors: initialWeights(arch, classes.length, seed),
  };
}

/**
 * The preprocessing that the family was published with: bicubic, crop ratio 224/256, ImageNet's normalisation (0.5 for all in
 * TensorFlow's lite family).
 */
export function defaultInput({ lite, padding, trainResolution }: Architecture): InputSpec {
  const { mean, std } = lite && padding === "same" ? HALF_NORMALIZATION : IMAGENET_NORMALIZATION;
  return {
    resolution: trainResolution,
    cropRatio: 224 / 256,
    interpolation: "bicubic",
    cropMode: "center",
    mean: [...mean],
    std: [...std],
  };
}

/** The classes that data for a model must have: by name, or by number alone where nothing has told their names yet. */
export const expectedClasses = ({ classes, provenance }: Model): readonly string[] | number =>
  provenance.every(({ what, unnamed }) => what === "initialised" || unnamed === true) ? classes.length : classes;

const SPEC = "model.json";
const WEIGHTS = "weights.safetensors";
const GRAPH = "model.onnx";

/** What `arch` says of a network that is an ONNX file. */
const ONNX = "onnx";

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
    return spec.arch === ONNX ? onnxModel(join(path, GRAPH), spec) : assembled(spec, tensors, weights);
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
  // The parameters of an export have kept their names.
  if (spec !== null && spec.arch !== ONNX) return assembled(spec, tensors, path);
  const { classes, input, provenance, notes } = specOf(network, tensors, path, spec ?? undefined);
  const arch = provenance.at(-1)?.what === "exported" ? { ...network, only: input.resolution } : network;
  return { arch, classes, input, provenance, tensors, notes };
}

async function assembled(
  spec: z.output<typeof ModelFile>,
  reading: Promise<ReadonlyMap<string, Tensor>> | ReadonlyMap<string, Tensor>,
  where: string,
): Promise<Model> {
  const { width, depth, batchNormEpsilon, classes, input, provenance } = spec;
  const arch = architecture(spec.arch, { width, depth, batchNormEpsilon });
  const wanted = parametersOf(arch, classes.length);
  const tensors = await reading;
  checkParameters(wanted, tensors, describedAs(arch, classes.length, where));
  return { arch, classes, input, provenance, tensors };
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

/** What `model.json` says of a model. */
export function modelFile(model: Model): z.input<typeof ModelFile> {
  const { arch, classes, input, provenance } = model;
  return {
    format: "fixres-model-1",
    ...(isOnnxNetwork(arch) ? { arch: ONNX } : familyMember(arch)),
    classes: [...classes],
    input,
    provenance: [...provenance],
  };
}

/** An architecture by its name, and what is not that name's own. */
function familyMember({ name, width, depth, batchNormEpsilon }: Architecture) {
  const own = architecture(name);
  return {
    arch: name,
    ...(width === own.width ? {} : { width }),
    ...(depth === own.depth ? {} : { depth }),
    ...(batchNormEpsilon === own.batchNormEpsilon ? {} : { batchNormEpsilon }),
  };
}

/** Fails with every tensor that is missing, left over or of another shape or type than the network's. */
export function checkTensors(
  arch: Architecture,
  classes: number,
  tensors: ReadonlyMap<string, Tensor>,
  where: string,
): void {
  checkParameters(parametersOf(arch, classes), tensors, describedAs(arch, classes, where));
}

const describedAs = ({ name }: Architecture, classes: number, where: string): string =>
  `${where} does not hold the weights of ${name} with ${classes} classes`;

function checkParameters(parameters: readonly Value[], tensors: ReadonlyMap<string, Tensor>, failure: string): void {
  const wanted = new Map(parameters.map(({ name, shape }) => [name, shape]));
  const faults: string[] = [];
  for (const [name, shape] of wanted) {
    const tensor = tensors.get(name);
    if (tensor === undefined) faults.push(`"${name}" is missing`);
    else if (!sameShape(tensor.shape, shape))
      faults.push(`"${name}" is ${showShape(tensor.shape)} where ${showShape(shape)} is needed`);
    else if (tensor.type !== "float32") faults.push(`"${name}" is ${tensor.type} where float32 is needed`);
  }
  for (const name of tensors.keys()) {
    // PyTorch counts batches there; nothing is computed from it.
    if (!wanted.has(name) && !name.endsWith(".num_batches_tracked")) faults.push(`"${name}" is not used`);
  }
  if (faults.length === 0) return;
  const shown = faults.slice(0, 8).join(", ") + (faults.length > 8 ? `, and ${faults.length - 8} more` : "");
  throw new DataError(`${failure}: ${shown}.`);
}
