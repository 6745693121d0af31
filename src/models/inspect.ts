import { FixresError } from "../errors.js";
import { elements, parametersFor } from "../onnx/index.js";
import { type Anatomy, anatomyOf } from "./anatomy.js";
import { multiplyAdds } from "./cost.js";
import { inferenceGraph } from "./inference.js";
import type { Model } from "./model.js";
import { isOnnxNetwork, type OnnxInput } from "./onnx-network.js";
import { type InsideNormalization, insideNormalization } from "./onnx-spec.js";

/** A node of a network, and what it is. */
export interface Part {
  readonly op: string;
  readonly node: string;
}

/** What can be seen of a classifier without running it. */
export interface Inspection {
  readonly name: string;
  readonly classes: number;
  readonly parameters: number;
  /** Of one picture, at the model's resolution. */
  readonly macs: number;
  readonly input: Pick<OnnxInput, "name" | "layout" | "type" | "resolution" | "batch">;
  /** Normalisation that the network does itself; null for none. */
  readonly normalization: InsideNormalization | null;
  readonly pooling: Part | null;
  readonly classifier: Part & { readonly features: number; readonly tensors: readonly string[] };
  /** The last BatchNorm: by itself, or where it was folded into a convolution. */
  readonly batchNorm: (Part & { readonly channels: number; readonly folded: boolean }) | null;
  readonly resolution: {
    /** Whether every resolution that was tried can be had. */
    readonly flexible: boolean;
    /** Those that were tried, px; null where one can be had, else which node forbids it and why. */
    readonly tried: readonly { readonly resolution: number; readonly fault: string | null }[];
  };
  /** Whether another number of pictures at a time than one can be had, else which node forbids it. */
  readonly batch: { readonly flexible: boolean; readonly fault: string | null };
  readonly notes: readonly string[];
}

/**
 * Looks at a classifier: where its parts are, what its input must be, and whether its resolution can change.
 * @throws {UnsupportedOperatorError} where no classifier is found
 */
export function inspectModel(model: Model): Inspection {
  const { arch, classes, input, tensors, notes = [] } = model;
  const { resolution } = input;
  const onnx = isOnnxNetwork(arch);
  const own = { resolution, batch: (onnx ? arch.input.batch : null) ?? 1 };
  const graph = inferenceGraph(model, own);
  const anatomy = anatomyOf(graph);
  const fault = (size: { resolution: number; batch: number }): string | null => {
    try {
      inferenceGraph(model, size);
      return null;
    } catch (error) {
      if (error instanceof FixresError) return error.message;
      throw error;
    }
  };
  // Windows and positions that are written out show themselves at other sizes, an odd one among them.
  const tried = [resolution - 32, resolution + 1, resolution + 32, 2 * resolution]
    .filter((side) => side >= 32)
    .map((side) => ({ resolution: side, fault: fault({ ...own, resolution: side }) }));
  const batch = fault({ resolution, batch: own.batch + 1 });
  return {
    name: arch.name,
    classes: classes.length,
    parameters: parametersFor(Object.values(graph.outputs)).reduce((sum, { shape }) => sum + elements(shape), 0),
    macs: multiplyAdds(graph) / own.batch,
    input: onnx ? arch.input : { name: "pixels", layout: "NHWC", type: "uint8", resolution: null, batch: null },
    normalization: onnx
      ? insideNormalization(arch, tensors)
      : { ...input, range: "0..255", summary: "as in model.json" },
    ...partsOf(anatomy),
    resolution: { flexible: tried.every((one) => one.fault === null), tried },
    batch: { flexible: batch === null, fault: batch },
    notes,
  };
}

function partsOf({ classifier, norm, pooling }: Anatomy): Pick<Inspection, "pooling" | "classifier" | "batchNorm"> {
  const part = ({ op, name }: { op: string; name: string }): Part => ({ op, node: name });
  const place = norm?.node ?? norm?.conv ?? null;
  return {
    pooling: pooling && part(pooling),
    classifier: {
      ...part(classifier.node),
      features: classifier.input.shape[1]!,
      tensors: classifier.parameters.map(({ name }) => name),
    },
    batchNorm: place && {
      ...part(place),
      channels: place.outputs[0]!.shape[1]!,
      folded: norm!.node === null,
    },
  };
}
