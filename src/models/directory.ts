import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EXPORT_KEY } from "../classifier.js";
import { DataError } from "../errors.js";
import { checkedJson, openFile, readJson, writeFileAtomic } from "../files.js";
import { parametersFor, parseModel, sameShape, showShape } from "../onnx/index.js";
import { CROP_MODES } from "../pixels/index.js";
import { readSafetensors, type Tensor, writeSafetensors } from "../weights/index.js";
import { type Architecture, architecture } from "./family.js";
import { initialWeights, parametersOf } from "./initialize.js";
import { HALF_NORMALIZATION, IMAGENET_NORMALIZATION } from "./preprocess.js";

const Channels = z.array(z.number()).length(3);

/** What a picture must become before the network sees it; it travels with the weights. */
const InputSpec = z.object({
  /** Height and width of the crop, px. */
  resolution: z.number().int().positive(),
  /** The crop's side over the resized picture's shorter side, c. */
  cropRatio: z.number().positive(),
  /** Name of Pillow's resampling filter. */
  interpolation: z.string(),
  cropMode: z.enum(CROP_MODES).default("center"),
  mean: Channels,
  std: Channels,
});
export type InputSpec = z.infer<typeof InputSpec>;

/** One thing that was done to make a model what it is; further facts stand beside `what`. */
const Provenance = z.looseObject({ what: z.enum(["initialised", "imported", "trained", "tuned"]) });
export type Provenance = z.infer<typeof Provenance>;

/** `model.json` of a model directory. */
const ModelFile = z.object({
  format: z.literal("fixres-model-1"),
  arch: z.string(),
  /** Multipliers of channels and repeats, and the epsilon of BatchNorm, where they are not the architecture's own. */
  width: z.number().optional(),
  depth: z.number().optional(),
  batchNormEpsilon: z.number().positive().optional(),
  classes: z.array(z.string()).min(1),
  input: InputSpec,
  provenance: z.array(Provenance),
});

/** A classifier: what it is, what it takes, how it came to be, and its parameters by timm's names. */
export interface Model {
  readonly arch: Architecture;
  readonly classes: readonly string[];
  readonly input: InputSpec;
  readonly provenance: readonly Provenance[];
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/**
 * A model with the reference initialisation and `defaultInput`.
 */
export function freshModel(arch: Architecture, classes: readonly string[], seed: number): Model {
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

/**
 * Reads a model directory, or an ONNX file that was exported from one.
 * @throws {DataError} where a file is missing or malformed, or the tensors are not the architecture's: each is listed
 */
export async function loadModel(path: string): Promise<Model> {
  const found = await stat(path).catch(() => null);
  if (found === null)
    throw new DataError(`model "${path}" does not exist; give a model directory (${SPEC}, ${WEIGHTS}) or an export.`);
  if (found.isDirectory()) {
    const spec = await readJson(join(path, SPEC), ModelFile, "model");
    const { tensors } = await readSafetensors(join(path, WEIGHTS));
    return assembled(spec, tensors, join(path, WEIGHTS));
  }
  if (!path.endsWith(".onnx"))
    throw new DataError(
      `model "${path}" is a file; give a model directory, which holds ${SPEC} and ${WEIGHTS}, or an .onnx file.`,
    );
  return loadExport(path);
}

/** The model in an ONNX file that `exportOnnx` made: its parameters have kept their names. */
async function loadExport(path: string): Promise<Model> {
  const file = await openFile(path, "model");
  let bytes: Uint8Array;
  try {
    bytes = await file.readFile();
  } finally {
    await file.close();
  }
  const { metadata, graph, bindings } = parseModel(bytes);
  const text = metadata[EXPORT_KEY];
  if (text === undefined) {
    throw new DataError(
      `model "${path}" was not exported by fixres (its metadata lack "${EXPORT_KEY}"); other ONNX files cannot be taken yet.`,
    );
  }
  const spec = checkedJson(text, ModelFile, `metadata of model "${path}"`);
  const tensors = new Map<string, Tensor>();
  for (const { name, type, shape } of parametersFor(Object.values(graph.outputs))) {
    const binding = bindings.get(name);
    if (binding?.kind === "data") tensors.set(name, { type, shape, data: binding.data });
  }
  return assembled(spec, tensors, path);
}

function assembled(spec: z.output<typeof ModelFile>, tensors: ReadonlyMap<string, Tensor>, where: string): Model {
  const { width, depth, batchNormEpsilon, classes, input, provenance } = spec;
  const arch = architecture(spec.arch, { width, depth, batchNormEpsilon });
  checkTensors(arch, classes.length, tensors, where);
  return { arch, classes, input, provenance, tensors };
}

/** Writes a model directory, weights first, so that a directory with a `model.json` is always complete. */
export async function saveModel(directory: string, model: Model): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeSafetensors(join(directory, WEIGHTS), model.tensors, { format: "pt" });
  await writeFileAtomic(join(directory, SPEC), `${JSON.stringify(modelFile(model), null, 2)}\n`);
}

/** What `model.json` says of a model. */
export function modelFile({ arch, classes, input, provenance }: Model): z.input<typeof ModelFile> {
  const own = architecture(arch.name);
  return {
    format: "fixres-model-1",
    arch: arch.name,
    ...(arch.width === own.width ? {} : { width: arch.width }),
    ...(arch.depth === own.depth ? {} : { depth: arch.depth }),
    ...(arch.batchNormEpsilon === own.batchNormEpsilon ? {} : { batchNormEpsilon: arch.batchNormEpsilon }),
    classes: [...classes],
    input,
    provenance: [...provenance],
  };
}

/** Fails with every tensor that is missing, left over or of another shape or type than the network's. */
export function checkTensors(
  arch: Architecture,
  classes: number,
  tensors: ReadonlyMap<string, Tensor>,
  where: string,
): void {
  const wanted = new Map(parametersOf(arch, classes).map(({ name, shape }) => [name, shape]));
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
  throw new DataError(`${where} does not hold the weights of ${arch.name} with ${classes} classes: ${shown}.`);
}
