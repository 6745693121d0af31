import { DataError } from "../errors.js";
import { sameShape, showShape, type Value } from "../onnx/index.js";
import type { Tensor } from "../weights/index.js";
import type { InputSpec, ModelFile, Provenance } from "./directory.js";
import { type Architecture, architecture } from "./family.js";
import { initialWeights, parametersOf } from "./initialize.js";
import { isOnnxNetwork, type OnnxNetwork } from "./onnx-network.js";
import { specOf } from "./onnx-spec.js";
import { HALF_NORMALIZATION, IMAGENET_NORMALIZATION } from "./preprocess.js";

/** What `arch` says of a network that is an ONNX file. */
export const ONNX = "onnx";

/** `model.json` as it has been checked. */
type ModelSpec = Omit<ModelFile, "input"> & { readonly input: InputSpec };

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

/**
 * The model in an ONNX file.
 * @param spec - what it says of itself; null where it does not, so that its graph must show it
 * @throws {DataError} where the tensors are not the architecture's: each is listed
 */
export function modelOfFile(
  { network, tensors }: { readonly network: OnnxNetwork; readonly tensors: ReadonlyMap<string, Tensor> },
  spec: ModelSpec | null,
  path: string,
): Model {
  // The parameters of an export have kept their names.
  if (spec !== null && spec.arch !== ONNX) return familyModel(spec, tensors, path);
  const { classes, input, provenance, notes } = specOf(network, tensors, path, spec ?? undefined);
  const arch = provenance.at(-1)?.what === "exported" ? { ...network, only: input.resolution } : network;
  return { arch, classes, input, provenance, tensors, notes };
}

/** A model of the family. @throws {DataError} where the tensors are not the architecture's: each is listed */
export function familyModel(spec: ModelSpec, tensors: ReadonlyMap<string, Tensor>, where: string): EfficientNet {
  const { width, depth, batchNormEpsilon, classes, input, provenance } = spec;
  const arch = architecture(spec.arch, { width, depth, batchNormEpsilon });
  const wanted = parametersOf(arch, classes.length);
  checkParameters(wanted, tensors, describedAs(arch, classes.length, where));
  return { arch, classes, input, provenance, tensors };
}

/** What `model.json` says of a model. */
export function modelFile(model: Model): ModelFile {
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
