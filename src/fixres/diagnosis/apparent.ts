import { CROP_RATIO, randomCrop } from "../../data/pure.js";
import { resizedSize, type Size, type TestPreprocessing } from "../../pixels/index.js";
import { random } from "../../random.js";

/** How training crops are taken. */
export interface TrainCrops {
  /** Side to which they are resized, px. */
  readonly resolution: number;
  /** Shares of the picture's area, least and most. */
  readonly scale: readonly [number, number];
}

/** A distribution in short. */
export interface Spread {
  readonly mean: number;
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
}

/** How large objects look, to training crops and to tests. */
export interface ApparentSizes {
  /** Pixels that a training crop makes of one pixel's length in the picture. */
  readonly train: Spread;
  /** The same of a test, and how large objects look to it by how large they look in training. */
  test(preprocessing: TestPreprocessing): { readonly magnification: Spread; readonly ratio: Spread };
  /** The smallest resolution at which that ratio is 1 on average, all else as given. */
  sameSize(preprocessing: TestPreprocessing): number;
}

/** Crops that are drawn in all, at least; the mean ratio then errs by about 0.0015. */
const CROPS = 20_000;

/** Of what a test may be asked for, px. */
const LARGEST_RESOLUTION = 2 ** 14;

/**
 * How large objects look in training against a test: an object of r pixels in a picture of W x H becomes r K / √(area of the crop)
 * in a training crop that is resized to K, and r times the factor of the resize in a test; where that changes the two sides
 * differently, and for crops that are not square, their geometric mean. Crops are drawn as training draws them. Without those
 * that do not fit into the picture, and for a centre crop, the mean ratio is E[σ] √(WH) / min(W, H) · (R / c) / K with σ² uniform in
 * the range of areas (arXiv 1906.06423, section 3).
 * @param sizes - of the pictures, as many times as there are pictures
 */
export function apparentSizes(sizes: readonly Size[], { resolution, scale }: TrainCrops, seed: number): ApparentSizes {
  const each = Math.ceil(CROPS / sizes.length);
  // Pixels of the picture that one pixel of a crop shows, `each` crops a picture.
  const shown = new Float64Array(sizes.length * each);
  for (const [i, size] of sizes.entries()) {
    const stream = random(seed, "apparent size", i);
    for (let j = 0; j < each; j++) {
      const { width, height } = randomCrop(size, scale, CROP_RATIO, stream);
      shown[i * each + j] = Math.sqrt(width * height) / resolution;
    }
  }
  const means = Float64Array.from(sizes, (_, i) => meanOf(shown.subarray(i * each, (i + 1) * each)));
  const magnified = (preprocessing: TestPreprocessing): Float64Array =>
    Float64Array.from(sizes, (size) => {
      const { width, height } = resizedSize(preprocessing, size);
      return Math.sqrt((width * height) / (size.width * size.height));
    });
  return {
    train: spreadOf(shown.map((length) => 1 / length)),
    test(preprocessing) {
      const magnification = magnified(preprocessing);
      const ratios = shown.map((length, k) => length * magnification[Math.floor(k / each)]!);
      return { magnification: spreadOf(magnification), ratio: spreadOf(ratios) };
    },
    sameSize(preprocessing) {
      let [low, high] = [Math.ceil(preprocessing.cropRatio), LARGEST_RESOLUTION];
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        const ratio = meanOf(magnified({ ...preprocessing, resolution: middle }).map((m, i) => m * means[i]!));
        if (ratio >= 1) high = middle;
        else low = middle + 1;
      }
      return low;
    },
  };
}

const meanOf = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

function spreadOf(values: Float64Array): Spread {
  const sorted = values.toSorted();
  const at = (q: number): number => sorted[Math.round(q * (sorted.length - 1))]!;
  return { mean: meanOf(values), p10: at(0.1), p50: at(0.5), p90: at(0.9) };
}
