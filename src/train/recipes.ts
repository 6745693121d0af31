import type { TrainOptions } from "./options.js";

/** How to train, by name or from a file: options where they are not the defaults. Options that are given go before it. */
export interface Recipe extends Partial<TrainOptions> {
  /** Pictures of an update that `learningRate` is meant for; it is scaled in proportion. As it stands unless given. */
  readonly learningRatePer?: number;
}

/** A recipe of the table, with where it is from. */
export interface NamedRecipe {
  readonly source: string;
  /** What of the source is not in it. */
  readonly without: string;
  readonly recipe: Recipe;
}

export const RECIPES = {
  /*
   * The constants of the authors' code, tensorflow/tpu models/official/efficientnet (main.py, utils.py), where the paper (arXiv
   * 1905.11946, section 5.2) leaves them open: RMSProp with decay and momentum 0.9 and ε = 1e-3 within the root; 0.016 a 256
   * pictures, times 0.97 every 2.4 epochs in steps, after 5 epochs of linear warm-up; BatchNorm's statistics with 0.99, and an
   * average of the weights with 0.9999, by which all is evaluated. AutoAugment is `v0`, the policy of that code (preprocessing.py,
   * autoaugment.py), not the one that AutoAugment's paper lists, `original`. It is done as timm does it: pictures are turned bicubically,
   * with the mean colour outside, and moved by up to 45% of their side; TensorFlow takes the nearest pixel, grey, and up to 250 pixels.
   * On ImageNet the authors reach 76.3% with B0 (arXiv, Table 2).
   */
  efficientnet: {
    source: "arXiv 1905.11946, section 5.2, and tensorflow/tpu models/official/efficientnet/main.py",
    without: "nothing; AutoAugment turns and moves pictures as timm does",
    recipe: {
      epochs: 350,
      optimizer: "rmsprop",
      momentum: 0.9,
      squareDecay: 0.9,
      epsilon: 1e-3,
      weightDecay: 1e-5,
      learningRate: 0.016,
      learningRatePer: 256,
      schedule: "step",
      decayFactor: 0.97,
      decayEpochs: 2.4,
      warmupEpochs: 5,
      statDecay: 0.99,
      averageDecay: 0.9999,
      labelSmoothing: 0.1,
      dropPath: 0.2,
      minCropArea: 0.08,
      flip: 0.5,
      augment: "v0",
    },
  },
  /*
   * "ResNet strikes back" (arXiv 2110.00476, Table 2, procedure A2): LAMB at 5e-3 a 2048 pictures under a cosine, weight decay 0.02,
   * three views of a picture, 300 epochs of which 5 warm up, RandAugment at level 7 with a deviation of 0.5, mixup with 0.1 or CutMix with 1, no erasing. Its loss
   * is binary cross-entropy without label smoothing; here it is cross-entropy with the label smoothing of procedure A1, 0.1.
   */
  modern: {
    source: "arXiv 2110.00476, Table 2, procedure A2",
    without: "binary cross-entropy",
    recipe: {
      epochs: 300,
      optimizer: "lamb",
      weightDecay: 0.02,
      learningRate: 5e-3,
      learningRatePer: 2048,
      schedule: "cosine",
      warmupEpochs: 5,
      clipNorm: 1,
      labelSmoothing: 0.1,
      dropPath: 0.05,
      minCropArea: 0.08,
      flip: 0.5,
      sampling: "repeated",
      augment: "rand-m7-mstd0.5-inc1",
      mixup: 0.1,
      cutmix: 1,
      erasing: 0,
    },
  },
  /*
   * Noisy Student (arXiv 1911.04252, section 3.1, and google-research/noisystudent main.py, whose constants are the EfficientNet recipe's
   * where the paper names none): 0.128 a 2048 labelled pictures over 350 epochs, RandAugment with two operations of magnitude 27, drop
   * path 0.2, dropout by variant, pictures above 0.3, soft labels. The magnitude is B7's and L2's; the authors have 24, 18, 15, 12 and 6
   * from B6 to B2, none below. Three unlabelled pictures a labelled one are theirs from B1 to B7 (B0: 1; L2: 14, then 28). B0 to B4
   * take 700 epochs, the rate falling every 4.8. On ImageNet, with 300 million unlabelled pictures, the authors reach 78.8% with B0,
   * 86.9% with B7 and 88.4% with L2 (README of that repository).
   */
  "noisy-student": {
    source: "arXiv 1911.04252, section 3.1, and google-research/noisystudent main.py",
    without: "magnitude and ratio by variant; RandAugment is timm's",
    recipe: {
      epochs: 350,
      optimizer: "rmsprop",
      momentum: 0.9,
      squareDecay: 0.9,
      epsilon: 1e-3,
      weightDecay: 1e-5,
      learningRate: 0.128,
      learningRatePer: 2048,
      schedule: "step",
      decayFactor: 0.97,
      decayEpochs: 2.4,
      warmupEpochs: 5,
      statDecay: 0.99,
      averageDecay: 0.9999,
      labelSmoothing: 0.1,
      dropPath: 0.2,
      minCropArea: 0.08,
      flip: 0.5,
      augment: "rand-m27-n2-mmax27",
      unlabelledRatio: 3,
      threshold: 0.3,
      pseudoLabels: "soft",
      balance: "both",
    },
  },
} as const satisfies Record<string, NamedRecipe>;

export const RECIPE_NAMES: readonly string[] = Object.keys(RECIPES);
