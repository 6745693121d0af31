import { DataError, RequestError } from "../errors.js";
import { type Shape, sameShape, showShape } from "../onnx/index.js";
import { type HubWeights, type Tensor, transposed, type WeightSource } from "../weights/index.js";
import type { InputSpec } from "./directory.js";
import type { Architecture } from "./family.js";
import { IMAGENET_IDS } from "./imagenet.js";
import { initialTensor, parametersOf } from "./initialize.js";
import { defaultInput, type EfficientNet } from "./model.js";
import { type Place, placesOf, type SchemeName, schemeOf } from "./names.js";

export interface ImportOptions {
  readonly arch: Architecture;
  /** What the provenance calls the file. */
  readonly from: string;
  /** Where on the hub it comes from, which the provenance keeps. */
  readonly origin?: HubWeights["origin"];
  /** Class names in the order of the outputs; unless given ImageNet's ids for 1,000, numbers for any other count. */
  readonly classes?: readonly string[];
  /** What is known of the weights' preprocessing; the architecture's own for the rest. */
  readonly input?: Partial<InputSpec>;
  /** Parameters, by timm's names, that may be missing and then keep their fresh values. */
  readonly allowMissing?: RegExp;
  /** Of the fresh values. */
  readonly seed?: number;
}

export interface Imported {
  readonly model: EfficientNet;
  readonly scheme: SchemeName;
  /** Parameters that were missing and allowed to be. */
  readonly missing: readonly string[];
  /** What the user should know. */
  readonly notes: readonly string[];
}

/** Outputs of networks that were trained with a class for the background before ImageNet's 1,000. */
const WITH_BACKGROUND = 1001;

/** What PyTorch keeps beside the parameters, from which nothing is computed. */
const COUNTERS = /\.num_batches_tracked$/;

/**
 * A model from somebody's weights: their names are recognised by themselves, every tensor must be used and every parameter found.
 * @throws {DataError} listing what is missing, left over or of another shape
 */
export async function importModel(source: WeightSource, options: ImportOptions): Promise<Imported> {
  const { from, origin, allowMissing, input = {}, seed = 0 } = options;
  const scheme = schemeOf(source.tensors);
  if (scheme === null) {
    const shown = [...source.tensors.keys()].slice(0, 3).join(", ");
    throw new DataError(
      `"${from}" has tensors of no known naming scheme (${shown}, ...); known are timm's, torchvision's, lukemelas' and TensorFlow's EfficientNets.`,
    );
  }
  const notes = [...source.notes, `tensors are named as ${scheme} names them`];
  const arch = ofScheme(options.arch, scheme);
  const placeOf = placesOf(arch, scheme);
  const sourceName = (parameter: string): string => {
    const { names } = placeOf(parameter);
    return names.find((name) => source.tensors.has(name)) ?? names[0]!;
  };
  const sourceShape = (parameter: string): Shape | undefined => {
    const shape = source.tensors.get(sourceName(parameter))?.shape;
    return shape && turned(shape, placeOf(parameter));
  };
  const outputs = sourceShape("classifier.weight")?.[0] ?? options.classes?.length ?? 1000;
  const background = outputs === WITH_BACKGROUND && options.classes?.length !== WITH_BACKGROUND;
  if (background) notes.push("1,001 outputs, the first for the background, which is left out");
  const count = background ? outputs - 1 : outputs;
  const classes = classNames(count, options.classes);

  const wanted = parametersOf(arch, count);
  const missing: string[] = [];
  const faults: string[] = [];
  const used = new Set<string>();
  for (const { name, shape } of wanted) {
    const found = sourceShape(name);
    used.add(sourceName(name));
    if (found === undefined && allowMissing?.test(name)) missing.push(name);
    else if (found === undefined) faults.push(named(name, sourceName(name), "is missing"));
    else if (!fits(found, shape, background && name.startsWith("classifier."))) {
      const [is, needed] = [found, shape].map((dimensions) => showShape(turnedBack(dimensions, placeOf(name))));
      faults.push(`"${sourceName(name)}" is ${is} where ${needed} is needed`);
    }
  }
  for (const name of source.tensors.keys()) {
    if (!used.has(name) && !COUNTERS.test(name)) faults.push(`"${name}" is not used`);
  }
  if (faults.length > 0) throw new DataError(`"${from}" does not hold the weights of ${arch.name}: ${listed(faults)}.`);

  const tensors = new Map<string, Tensor>();
  for (const { name, shape } of wanted) {
    const tensor = await source.tensors.get(sourceName(name))?.read();
    const { axes } = placeOf(name);
    const own = tensor && axes !== null ? transposed(tensor, axes) : tensor;
    tensors.set(name, own === undefined ? initialTensor({ name, shape }, seed) : fitted(own, name, shape, from));
  }
  const done = {
    what: "imported" as const,
    from,
    ...origin,
    scheme,
    ...(options.classes || count === 1000 ? {} : { unnamed: true }),
  };
  return {
    model: { arch, classes, tensors, input: { ...defaultInput(arch), ...input }, provenance: [done] },
    scheme,
    missing,
    notes,
  };
}

/** The architecture with what a library does otherwise. @throws {RequestError} where the library pads in the other way */
function ofScheme(arch: Architecture, scheme: SchemeName): Architecture {
  const padding = { timm: arch.padding, torchvision: "symmetric", lukemelas: "same", tensorflow: "same" }[scheme];
  if (arch.padding !== padding) {
    const other = padding === "same" ? `tf_${arch.name}` : arch.name.replace(/^tf_/, "");
    throw new RequestError(
      `the tensors are named as ${scheme} names them, whose networks pad ${padding === "same" ? "as TensorFlow does" : "symmetrically"}; give --arch ${other}.`,
    );
  }
  // torchvision's three largest were converted from TensorFlow's weights, epsilon included.
  return scheme === "torchvision" && /_b[567]$/.test(arch.name) ? { ...arch, batchNormEpsilon: 1e-3 } : arch;
}

/** A tensor's shape with the parameter's order of axes; as it is where it has another number of them. */
const turned = (shape: Shape, { axes }: Place): Shape =>
  axes?.length === shape.length ? axes.map((axis) => shape[axis]!) : shape;

/** A shape with the file's order of axes. */
const turnedBack = (shape: Shape, { axes }: Place): Shape =>
  axes?.length === shape.length ? shape.map((_, axis) => shape[axes.indexOf(axis)]!) : shape;

const named = (ours: string, theirs: string, fault: string): string =>
  ours === theirs ? `"${ours}" ${fault}` : `"${theirs}" (${ours}) ${fault}`;

function listed(faults: readonly string[]): string {
  const most = 8;
  return faults.slice(0, most).join(", ") + (faults.length > most ? `, and ${faults.length - most} more` : "");
}

function classNames(count: number, given: readonly string[] | undefined): readonly string[] {
  if (given !== undefined && given.length !== count)
    throw new RequestError(`${given.length} class names were given, but the network has ${count} outputs.`);
  return given ?? (count === IMAGENET_IDS.length ? IMAGENET_IDS : Array.from({ length: count }, (_, i) => String(i)));
}

/** Whether a tensor can take a parameter's place: of its shape, or with a row more for the background. */
const fits = (found: Shape, wanted: Shape, background: boolean): boolean =>
  background ? found[0] === wanted[0]! + 1 && sameShape(found.slice(1), wanted.slice(1)) : sameShape(found, wanted);

/** A tensor as the parameter that it becomes, without the background's row. */
function fitted({ type, shape, data }: Tensor, name: string, wanted: Shape, from: string): Tensor {
  if (type !== "float32")
    throw new DataError(`"${from}": "${name}" holds ${type}, where floating-point numbers are needed.`);
  const broken = (data as Float32Array).findIndex((value) => !Number.isFinite(value));
  if (broken >= 0)
    throw new DataError(`"${from}": "${name}" holds ${data[broken]}; the file is damaged, or its training diverged.`);
  if (sameShape(shape, wanted)) return { type, shape: wanted, data };
  return { type, shape: wanted, data: data.slice(data.length / shape[0]!) };
}
