import { RequestError } from "../errors.js";
import type { InputSpec } from "./directory.js";
import { HALF_NORMALIZATION, IMAGENET_NORMALIZATION } from "./preprocess.js";

/**
 * Every EfficientNet weight that timm 1.0 publishes (huggingface/pytorch-image-models, timm/models/efficientnet.py): its name, the
 * resolution, crop ratio, interpolation and crop mode that it is tested with, and its normalisation. Behind the dot: aa AutoAugment,
 * ra RandAugment, ap AdvProp, ns Noisy Student.
 */
const ROWS = `
efficientnet_b0.ra4_e3600_r224_in1k 224 0.9 bicubic center half
efficientnet_b0.ra_in1k 224 0.875 bicubic center imagenet
efficientnet_b1.ft_in1k 224 0.875 bicubic center imagenet
efficientnet_b1.ra4_e3600_r240_in1k 240 0.9 bicubic center half
efficientnet_b2.ra_in1k 256 0.875 bicubic center imagenet
efficientnet_b3.ra2_in1k 288 0.875 bicubic center imagenet
efficientnet_b4.ra2_in1k 320 0.875 bicubic center imagenet
efficientnet_b5.sw_in12k 416 0.95 bicubic center imagenet
efficientnet_b5.sw_in12k_ft_in1k 448 1 bicubic squash imagenet
efficientnet_lite0.ra_in1k 224 0.875 bicubic center imagenet
tf_efficientnet_b0.aa_in1k 224 0.875 bicubic center imagenet
tf_efficientnet_b0.ap_in1k 224 0.875 bicubic center half
tf_efficientnet_b0.in1k 224 0.875 bicubic center imagenet
tf_efficientnet_b0.ns_jft_in1k 224 0.875 bicubic center imagenet
tf_efficientnet_b1.aa_in1k 240 0.882 bicubic center imagenet
tf_efficientnet_b1.ap_in1k 240 0.882 bicubic center half
tf_efficientnet_b1.in1k 240 0.882 bicubic center imagenet
tf_efficientnet_b1.ns_jft_in1k 240 0.882 bicubic center imagenet
tf_efficientnet_b2.aa_in1k 260 0.89 bicubic center imagenet
tf_efficientnet_b2.ap_in1k 260 0.89 bicubic center half
tf_efficientnet_b2.in1k 260 0.89 bicubic center imagenet
tf_efficientnet_b2.ns_jft_in1k 260 0.89 bicubic center imagenet
tf_efficientnet_b3.aa_in1k 300 0.904 bicubic center imagenet
tf_efficientnet_b3.ap_in1k 300 0.904 bicubic center half
tf_efficientnet_b3.in1k 300 0.904 bicubic center imagenet
tf_efficientnet_b3.ns_jft_in1k 300 0.904 bicubic center imagenet
tf_efficientnet_b4.aa_in1k 380 0.922 bicubic center imagenet
tf_efficientnet_b4.ap_in1k 380 0.922 bicubic center half
tf_efficientnet_b4.in1k 380 0.922 bicubic center imagenet
tf_efficientnet_b4.ns_jft_in1k 380 0.922 bicubic center imagenet
tf_efficientnet_b5.aa_in1k 456 0.934 bicubic center imagenet
tf_efficientnet_b5.ap_in1k 456 0.934 bicubic center half
tf_efficientnet_b5.in1k 456 0.934 bicubic center imagenet
tf_efficientnet_b5.ns_jft_in1k 456 0.934 bicubic center imagenet
tf_efficientnet_b5.ra_in1k 456 0.934 bicubic center imagenet
tf_efficientnet_b6.aa_in1k 528 0.942 bicubic center imagenet
tf_efficientnet_b6.ap_in1k 528 0.942 bicubic center half
tf_efficientnet_b6.ns_jft_in1k 528 0.942 bicubic center imagenet
tf_efficientnet_b7.aa_in1k 600 0.949 bicubic center imagenet
tf_efficientnet_b7.ap_in1k 600 0.949 bicubic center half
tf_efficientnet_b7.ns_jft_in1k 600 0.949 bicubic center imagenet
tf_efficientnet_b7.ra_in1k 600 0.949 bicubic center imagenet
tf_efficientnet_b8.ap_in1k 672 0.954 bicubic center half
tf_efficientnet_b8.ra_in1k 672 0.954 bicubic center imagenet
tf_efficientnet_l2.ns_jft_in1k 800 0.96 bicubic center imagenet
tf_efficientnet_l2.ns_jft_in1k_475 475 0.936 bicubic center imagenet
tf_efficientnet_lite0.in1k 224 0.875 bicubic center half
tf_efficientnet_lite1.in1k 240 0.882 bicubic center half
tf_efficientnet_lite2.in1k 260 0.89 bicubic center half
tf_efficientnet_lite3.in1k 300 0.904 bilinear center half
tf_efficientnet_lite4.in1k 380 0.92 bilinear center half
`
  .trim()
  .split("\n")
  .map((row) => row.split(" ") as [string, string, string, string, InputSpec["cropMode"], "imagenet" | "half"]);

const NORMALIZATIONS = { imagenet: IMAGENET_NORMALIZATION, half: HALF_NORMALIZATION };

/** Names of published weights, such as `tf_efficientnet_b0.ap_in1k`. */
export const PUBLISHED_WEIGHTS: readonly string[] = ROWS.map(([name]) => name);

/**
 * What published weights are and how they are tested.
 * @throws {RequestError} for an unknown name, with those of the same architecture
 */
export function publishedWeights(name: string): { readonly architecture: string; readonly input: InputSpec } {
  const [architecture] = name.split(".") as [string];
  const found = ROWS.find(([known]) => known === name);
  if (found === undefined) {
    const near = PUBLISHED_WEIGHTS.filter((known) => known.startsWith(`${architecture}.`));
    throw new RequestError(
      `weights "${name}" are unknown; ${near.length > 0 ? `of ${architecture} there are ${near.join(", ")}` : "give a name such as tf_efficientnet_b0.ap_in1k"}.`,
    );
  }
  const [, resolution, cropRatio, interpolation, cropMode, norm] = found;
  const { mean, std } = NORMALIZATIONS[norm];
  return {
    architecture,
    input: {
      resolution: Number(resolution),
      cropRatio: Number(cropRatio),
      interpolation,
      cropMode,
      mean: [...mean],
      std: [...std],
    },
  };
}
