import type { Architecture } from "./family.js";
import { blocksOf } from "./family.js";

/** What one block's layers are called; null where the block has none. */
interface BlockNames {
  readonly expand: readonly [conv: string, norm: string] | null;
  readonly depthwise: readonly [conv: string, norm: string];
  readonly squeeze: readonly [reduce: string, expand: string];
  readonly project: readonly [conv: string, norm: string];
}

/** Where a file keeps a parameter. */
export interface Place {
  /** What the tensor is called, with other spellings behind the usual one. */
  readonly names: readonly string[];
  /** Which of its axes is each of the parameter's; null where they agree. */
  readonly axes: readonly number[] | null;
}

/** What a layer is, as far as libraries name or lay out its parameters by that. */
type LayerKind = "conv" | "depthwise" | "norm" | "dense";

/** How a library calls the layers of an EfficientNet. */
interface Scheme {
  /** A tensor that only this scheme has. */
  readonly mark: string;
  /** Where a layer's parameter is, such as `running_mean` of a norm; unless given, as PyTorch has it. */
  readonly place?: (layer: string, kind: LayerKind, leaf: string) => Place;
  readonly stem: readonly [conv: string, norm: string];
  /** @param stage - from 0  @param i - within its stage  @param n - within the network */
  block(stage: number, i: number, n: number, expands: boolean): BlockNames;
  readonly head: readonly [conv: string, norm: string];
  readonly classifier: string;
}

/** What TensorFlow calls PyTorch's `weight`, `bias`, `running_mean` and `running_var`. */
const TENSORFLOW_LEAVES: Record<LayerKind, Readonly<Record<string, string>>> = {
  conv: { weight: "kernel" },
  depthwise: { weight: "depthwise_kernel" },
  norm: { weight: "gamma", bias: "beta", running_mean: "moving_mean", running_var: "moving_variance" },
  dense: { weight: "kernel" },
};

/** [H, W, I, O] as [O, I, H, W], [H, W, C, 1] as [C, 1, H, W], [in, out] as [out, in]. */
const TENSORFLOW_AXES: Record<LayerKind, readonly number[] | null> = {
  conv: [3, 2, 0, 1],
  depthwise: [2, 3, 0, 1],
  norm: null,
  dense: [1, 0],
};

/** Naming schemes by the library that they come from. */
export const SCHEMES = {
  /** huggingface/pytorch-image-models, and the FixRes authors' EfficientNets, which are built on it. */
  timm: {
    mark: "conv_stem.weight",
    stem: ["conv_stem", "bn1"],
    block(stage, i, _n, expands) {
      const of = (name: string): string => `blocks.${stage}.${i}.${name}`;
      return {
        expand: expands ? [of("conv_pw"), of("bn1")] : null,
        depthwise: [of("conv_dw"), of(expands ? "bn2" : "bn1")],
        squeeze: [of("se.conv_reduce"), of("se.conv_expand")],
        project: [of(expands ? "conv_pwl" : "conv_pw"), of(expands ? "bn3" : "bn2")],
      };
    },
    head: ["conv_head", "bn2"],
    classifier: "classifier",
  },
  /** pytorch/vision, efficientnet_b0 to b7. */
  torchvision: {
    mark: "features.0.0.weight",
    stem: ["features.0.0", "features.0.1"],
    block(stage, i, _n, expands) {
      const of = (place: number, name: string | number): string =>
        `features.${stage + 1}.${i}.block.${place + (expands ? 1 : 0)}.${name}`;
      return {
        expand: expands ? [of(-1, 0), of(-1, 1)] : null,
        depthwise: [of(0, 0), of(0, 1)],
        squeeze: [of(1, "fc1"), of(1, "fc2")],
        project: [of(2, 0), of(2, 1)],
      };
    },
    head: ["features.8.0", "features.8.1"],
    classifier: "classifier.1",
  },
  /** lukemelas/EfficientNet-PyTorch. */
  lukemelas: {
    mark: "_conv_stem.weight",
    stem: ["_conv_stem", "_bn0"],
    block(_stage, _i, n, expands) {
      const of = (name: string): string => `_blocks.${n}.${name}`;
      return {
        expand: expands ? [of("_expand_conv"), of("_bn0")] : null,
        depthwise: [of("_depthwise_conv"), of("_bn1")],
        squeeze: [of("_se_reduce"), of("_se_expand")],
        project: [of("_project_conv"), of("_bn2")],
      };
    },
    head: ["_conv_head", "_bn1"],
    classifier: "_fc",
  },
  /** tensorflow/tpu, models/official/efficientnet: names within the scope of the network. */
  tensorflow: {
    mark: "stem/conv2d/kernel",
    place(layer, kind, leaf) {
      const name = `${layer}/${TENSORFLOW_LEAVES[kind][leaf] ?? leaf}`;
      // Who trains without TPUs may take the norm of TensorFlow itself.
      const names = kind === "norm" ? [name, name.replace("tpu_", "")] : [name];
      return { names, axes: leaf === "weight" ? TENSORFLOW_AXES[kind] : null };
    },
    stem: ["stem/conv2d", "stem/tpu_batch_normalization"],
    block(_stage, _i, n, expands) {
      // Layers of a kind are counted in the order in which the block calls them.
      const nth = (name: string, i: number): string => `blocks_${n}/${name}${i === 0 ? "" : `_${i}`}`;
      const conv = (i: number): string => nth("conv2d", i);
      const norm = (i: number): string => nth("tpu_batch_normalization", i);
      const before = expands ? 1 : 0;
      return {
        expand: expands ? [conv(0), norm(0)] : null,
        depthwise: [nth("depthwise_conv2d", 0), norm(before)],
        squeeze: [nth("se/conv2d", 0), nth("se/conv2d", 1)],
        project: [conv(before), norm(before + 1)],
      };
    },
    head: ["head/conv2d", "head/tpu_batch_normalization"],
    classifier: "head/dense",
  },
} as const satisfies Record<string, Scheme>;

export type SchemeName = keyof typeof SCHEMES;

/** The scheme that a file's tensor names follow, or null. */
export function schemeOf(names: { has(name: string): boolean }): SchemeName | null {
  return (Object.keys(SCHEMES) as SchemeName[]).find((name) => names.has(SCHEMES[name].mark)) ?? null;
}

/** Where a scheme keeps each parameter, given by timm's name. */
export function placesOf(arch: Architecture, scheme: SchemeName): (parameter: string) => Place {
  const [ours, theirs] = [layers(arch, SCHEMES.timm), layers(arch, SCHEMES[scheme])];
  const names = new Map(ours.map((name, i) => [name, theirs[i]!]));
  const place = (SCHEMES[scheme] as Scheme).place ?? pytorchPlace;
  return (parameter) => {
    const [, layer, leaf] = /^(.*)\.(\w+)$/.exec(parameter) as unknown as [string, string, string];
    return place(names.get(layer)!, kindOf(layer), leaf);
  };
}

const pytorchPlace = (layer: string, _kind: LayerKind, leaf: string): Place => ({
  names: [`${layer}.${leaf}`],
  axes: null,
});

/** @param layer - by timm's name */
function kindOf(layer: string): LayerKind {
  if (layer === "classifier") return "dense";
  if (/(^|\.)bn\d$/.test(layer)) return "norm";
  return layer.endsWith("conv_dw") ? "depthwise" : "conv";
}

function layers(arch: Architecture, scheme: Scheme): string[] {
  const blocks = blocksOf(arch).map(({ stage, index, expansion }, n) => {
    const { expand, depthwise, squeeze, project } = scheme.block(stage, index, n, expansion !== 1);
    return [...(expand ?? []), ...depthwise, ...(arch.lite ? [] : squeeze), ...project];
  });
  return [...scheme.stem, ...blocks.flat(), ...scheme.head, scheme.classifier];
}
