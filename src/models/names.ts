import type { Architecture } from "./family.js";
import { blocksOf } from "./family.js";

/** What one block's layers are called; null where the block has none. */
interface BlockNames {
  readonly expand: readonly [conv: string, norm: string] | null;
  readonly depthwise: readonly [conv: string, norm: string];
  readonly squeeze: readonly [reduce: string, expand: string];
  readonly project: readonly [conv: string, norm: string];
}

/** How a library calls the layers of an EfficientNet. */
interface Scheme {
  /** A tensor that only this scheme has. */
  readonly mark: string;
  readonly stem: readonly [conv: string, norm: string];
  /** @param stage - from 0  @param i - within its stage  @param n - within the network */
  block(stage: number, i: number, n: number, expands: boolean): BlockNames;
  readonly head: readonly [conv: string, norm: string];
  readonly classifier: string;
}

/** Naming schemes by the library that they come from. All of them name a norm's parts as PyTorch does. */
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
} as const satisfies Record<string, Scheme>;

export type SchemeName = keyof typeof SCHEMES;

/** The scheme that a file's tensor names follow, or null. */
export function schemeOf(names: { has(name: string): boolean }): SchemeName | null {
  return (Object.keys(SCHEMES) as SchemeName[]).find((name) => names.has(SCHEMES[name].mark)) ?? null;
}

/** What a scheme calls a layer that timm calls so, for every layer of a network. */
export function layerNames(arch: Architecture, scheme: SchemeName): Map<string, string> {
  const [ours, theirs] = [layers(arch, SCHEMES.timm), layers(arch, SCHEMES[scheme])];
  return new Map(ours.map((name, i) => [name, theirs[i]!]));
}

function layers(arch: Architecture, scheme: Scheme): string[] {
  const blocks = blocksOf(arch).map(({ stage, index, expansion }, n) => {
    const { expand, depthwise, squeeze, project } = scheme.block(stage, index, n, expansion !== 1);
    return [...(expand ?? []), ...depthwise, ...(arch.lite ? [] : squeeze), ...project];
  });
  return [...scheme.stem, ...blocks.flat(), ...scheme.head, scheme.classifier];
}
