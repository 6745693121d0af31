import { RequestError } from "../errors.js";

/** How one stage's blocks look before scaling; `stride` is the first block's, the others have 1. */
export interface StageSpec {
  readonly expansion: number;
  readonly kernel: number;
  readonly stride: 1 | 2;
  readonly channels: number;
  readonly repeats: number;
}

/** The seven stages of EfficientNet-B0 between stem and head (arXiv 1905.11946, Table 1), channels unscaled. */
export const B0_STAGES = [
  { expansion: 1, kernel: 3, stride: 1, channels: 16, repeats: 1 },
  { expansion: 6, kernel: 3, stride: 2, channels: 24, repeats: 2 },
  { expansion: 6, kernel: 5, stride: 2, channels: 40, repeats: 2 },
  { expansion: 6, kernel: 3, stride: 2, channels: 80, repeats: 3 },
  { expansion: 6, kernel: 5, stride: 1, channels: 112, repeats: 3 },
  { expansion: 6, kernel: 5, stride: 2, channels: 192, repeats: 4 },
  { expansion: 6, kernel: 3, stride: 1, channels: 320, repeats: 1 },
] as const satisfies readonly StageSpec[];

/** One row of the scaling table. */
interface Scaling {
  readonly width: number;
  readonly depth: number;
  readonly trainResolution: number;
  readonly dropout: number;
  /** Test resolutions of FixEfficientNet without and with extra training data (arXiv 2003.08237); null where none was published. */
  readonly fixResolution: number | null;
  readonly fixResolutionExtraData: number | null;
}

/** The compound scaling of the family (arXiv 1905.11946 and its successors), and where FixEfficientNet tests each. */
const SCALING = {
  b0: { width: 1.0, depth: 1.0, trainResolution: 224, dropout: 0.2, fixResolution: 320, fixResolutionExtraData: 320 },
  b1: { width: 1.0, depth: 1.1, trainResolution: 240, dropout: 0.2, fixResolution: 384, fixResolutionExtraData: 384 },
  b2: { width: 1.1, depth: 1.2, trainResolution: 260, dropout: 0.3, fixResolution: 420, fixResolutionExtraData: 420 },
  b3: { width: 1.2, depth: 1.4, trainResolution: 300, dropout: 0.3, fixResolution: 472, fixResolutionExtraData: 472 },
  b4: { width: 1.4, depth: 1.8, trainResolution: 380, dropout: 0.4, fixResolution: 512, fixResolutionExtraData: 472 },
  b5: { width: 1.6, depth: 2.2, trainResolution: 456, dropout: 0.4, fixResolution: 576, fixResolutionExtraData: 576 },
  b6: { width: 1.8, depth: 2.6, trainResolution: 528, dropout: 0.5, fixResolution: 576, fixResolutionExtraData: 680 },
  b7: { width: 2.0, depth: 3.1, trainResolution: 600, dropout: 0.5, fixResolution: 632, fixResolutionExtraData: 632 },
  b8: { width: 2.2, depth: 3.6, trainResolution: 672, dropout: 0.5, fixResolution: 800, fixResolutionExtraData: null },
  l2: { width: 4.3, depth: 5.3, trainResolution: 800, dropout: 0.5, fixResolution: null, fixResolutionExtraData: 600 },
} as const satisfies Record<string, Scaling>;

const UNPUBLISHED = { fixResolution: null, fixResolutionExtraData: null } as const;

/** EfficientNet-Lite (TensorFlow's official repository, tpu/models/official/efficientnet/lite). */
const LITE_SCALING = {
  lite0: { width: 1.0, depth: 1.0, trainResolution: 224, dropout: 0.2, ...UNPUBLISHED },
  lite1: { width: 1.0, depth: 1.1, trainResolution: 240, dropout: 0.2, ...UNPUBLISHED },
  lite2: { width: 1.1, depth: 1.2, trainResolution: 260, dropout: 0.3, ...UNPUBLISHED },
  lite3: { width: 1.2, depth: 1.4, trainResolution: 300, dropout: 0.3, ...UNPUBLISHED },
  lite4: { width: 1.4, depth: 1.8, trainResolution: 380, dropout: 0.3, ...UNPUBLISHED },
} as const satisfies Record<string, Scaling>;

const VARIANTS: Readonly<Record<string, Scaling>> = { ...SCALING, ...LITE_SCALING };

/** A member of the family with all that its graph depends on. */
export interface Architecture extends Scaling {
  /** timm's name: `efficientnet_b0`, or `tf_efficientnet_b0` for the layout of the published weights. */
  readonly name: string;
  /** `same` pads as TensorFlow does, depending on the input's size; `symmetric` as PyTorch does. */
  readonly padding: "same" | "symmetric";
  readonly batchNormEpsilon: number;
  /** Without squeeze-excitation, with ReLU6 for swish; stem, head, first and last stage are not scaled. */
  readonly lite: boolean;
}

/** Every name that `architecture` takes. */
export const ARCHITECTURES: readonly string[] = ["efficientnet", "tf_efficientnet"].flatMap((prefix) =>
  Object.keys(VARIANTS).map((variant) => `${prefix}_${variant}`),
);

/**
 * The architecture of a name.
 * @param name - one of `ARCHITECTURES`
 * @param scale - other multipliers of channels and of repeats than the name's, each above 0, and another epsilon of BatchNorm
 * @throws {RequestError} for an unknown name or a multiplier out of range
 */
export function architecture(
  name: string,
  scale: { readonly width?: number; readonly depth?: number; readonly batchNormEpsilon?: number } = {},
): Architecture {
  const [, tf, variant] = /^(tf_)?efficientnet_(b[0-8]|l2|lite[0-4])$/.exec(name) ?? [];
  if (variant === undefined)
    throw new RequestError(`architecture "${name}" is unknown; choose one of ${ARCHITECTURES.join(", ")}.`);
  for (const [option, value] of Object.entries({ width: scale.width, depth: scale.depth })) {
    if (value !== undefined && !(value > 0 && value <= 16)) {
      throw new RequestError(
        `${option} is ${value}; it multiplies B0's and must lie above 0 and at most at 16, such as 0.5.`,
      );
    }
  }
  const row = VARIANTS[variant]!;
  return {
    ...row,
    width: scale.width ?? row.width,
    depth: scale.depth ?? row.depth,
    name,
    padding: tf === undefined ? "symmetric" : "same",
    lite: variant.startsWith("lite"),
    batchNormEpsilon: scale.batchNormEpsilon ?? (tf === undefined ? 1e-5 : 1e-3),
  };
}

/** Channels times the width multiplier, to a multiple of 8 that is at least 90% of the product (and at least 8). */
export function scaledChannels(channels: number, width: number): number {
  const product = channels * width;
  const rounded = Math.max(8, Math.floor((product + 4) / 8) * 8);
  return rounded < 0.9 * product ? rounded + 8 : rounded;
}

/** Channels of the stem. */
export const stemChannels = ({ lite, width }: Architecture): number => (lite ? 32 : scaledChannels(32, width));

/** Channels of the last 1x1 convolution, which are pooled into the classifier's features. */
export const headFeatures = ({ lite, width }: Architecture): number => (lite ? 1280 : scaledChannels(1280, width));

/** One block after scaling. */
export interface BlockSpec {
  /** timm's prefix, `blocks.STAGE.INDEX`. */
  readonly name: string;
  /** From 0. */
  readonly stage: number;
  /** Within its stage, from 0. */
  readonly index: number;
  readonly expansion: number;
  readonly kernel: number;
  readonly stride: 1 | 2;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** The blocks of an architecture, in order. */
export function blocksOf(arch: Architecture): BlockSpec[] {
  const { width, depth, lite } = arch;
  let inChannels = stemChannels(arch);
  return B0_STAGES.flatMap(({ repeats, channels, stride, expansion, kernel }, stage) => {
    const isEnd = stage === 0 || stage === B0_STAGES.length - 1;
    return Array.from({ length: lite && isEnd ? repeats : Math.ceil(repeats * depth) }, (_, i) => {
      const outChannels = scaledChannels(channels, width);
      const block: BlockSpec = {
        name: `blocks.${stage}.${i}`,
        stage,
        index: i,
        expansion,
        kernel,
        stride: i === 0 ? stride : 1,
        inChannels,
        outChannels,
      };
      inChannels = outChannels;
      return block;
    });
  });
}
