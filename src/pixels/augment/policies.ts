import type { LevelName } from "./levels.js";

/** An operation of a policy: its name, how probable it is, and its level. */
export type PolicyStep = readonly [name: LevelName, probability: number, level: number];

/** Steps one after the other. */
export type SubPolicy = readonly PolicyStep[];

/** AutoAugment's policy for ImageNet (arXiv 1805.09501, table 9). */
const ORIGINAL: readonly SubPolicy[] = [
  [
    ["PosterizeOriginal", 0.4, 8],
    ["Rotate", 0.6, 9],
  ],
  [
    ["Solarize", 0.6, 5],
    ["AutoContrast", 0.6, 5],
  ],
  [
    ["Equalize", 0.8, 8],
    ["Equalize", 0.6, 3],
  ],
  [
    ["PosterizeOriginal", 0.6, 7],
    ["PosterizeOriginal", 0.6, 6],
  ],
  [
    ["Equalize", 0.4, 7],
    ["Solarize", 0.2, 4],
  ],
  [
    ["Equalize", 0.4, 4],
    ["Rotate", 0.8, 8],
  ],
  [
    ["Solarize", 0.6, 3],
    ["Equalize", 0.6, 7],
  ],
  [
    ["PosterizeOriginal", 0.8, 5],
    ["Equalize", 1, 2],
  ],
  [
    ["Rotate", 0.2, 3],
    ["Solarize", 0.6, 8],
  ],
  [
    ["Equalize", 0.6, 8],
    ["PosterizeOriginal", 0.4, 6],
  ],
  [
    ["Rotate", 0.8, 8],
    ["Color", 0.4, 0],
  ],
  [
    ["Rotate", 0.4, 9],
    ["Equalize", 0.6, 2],
  ],
  [
    ["Equalize", 0, 7],
    ["Equalize", 0.8, 8],
  ],
  [
    ["Invert", 0.6, 4],
    ["Equalize", 1, 8],
  ],
  [
    ["Color", 0.6, 4],
    ["Contrast", 1, 8],
  ],
  [
    ["Rotate", 0.8, 8],
    ["Color", 1, 2],
  ],
  [
    ["Color", 0.8, 8],
    ["Solarize", 0.8, 7],
  ],
  [
    ["Sharpness", 0.4, 7],
    ["Invert", 0.6, 8],
  ],
  [
    ["ShearX", 0.6, 5],
    ["Equalize", 1, 9],
  ],
  [
    ["Color", 0.4, 0],
    ["Equalize", 0.6, 3],
  ],
  [
    ["Equalize", 0.4, 7],
    ["Solarize", 0.2, 4],
  ],
  [
    ["Solarize", 0.6, 5],
    ["AutoContrast", 0.6, 5],
  ],
  [
    ["Invert", 0.6, 4],
    ["Equalize", 1, 8],
  ],
  [
    ["Color", 0.6, 4],
    ["Contrast", 1, 8],
  ],
  [
    ["Equalize", 0.8, 8],
    ["Equalize", 0.6, 3],
  ],
];

/** The policy of TensorFlow's EfficientNet. */
const V0: readonly SubPolicy[] = [
  [
    ["Equalize", 0.8, 1],
    ["ShearY", 0.8, 4],
  ],
  [
    ["Color", 0.4, 9],
    ["Equalize", 0.6, 3],
  ],
  [
    ["Color", 0.4, 1],
    ["Rotate", 0.6, 8],
  ],
  [
    ["Solarize", 0.8, 3],
    ["Equalize", 0.4, 7],
  ],
  [
    ["Solarize", 0.4, 2],
    ["Solarize", 0.6, 2],
  ],
  [
    ["Color", 0.2, 0],
    ["Equalize", 0.8, 8],
  ],
  [
    ["Equalize", 0.4, 8],
    ["SolarizeAdd", 0.8, 3],
  ],
  [
    ["ShearX", 0.2, 9],
    ["Rotate", 0.6, 8],
  ],
  [
    ["Color", 0.6, 1],
    ["Equalize", 1, 2],
  ],
  [
    ["Invert", 0.4, 9],
    ["Rotate", 0.6, 0],
  ],
  [
    ["Equalize", 1, 9],
    ["ShearY", 0.6, 3],
  ],
  [
    ["Color", 0.4, 7],
    ["Equalize", 0.6, 0],
  ],
  [
    ["Posterize", 0.4, 6],
    ["AutoContrast", 0.4, 7],
  ],
  [
    ["Solarize", 0.6, 8],
    ["Color", 0.6, 9],
  ],
  [
    ["Solarize", 0.2, 4],
    ["Rotate", 0.8, 9],
  ],
  [
    ["Rotate", 1, 7],
    ["TranslateYRel", 0.8, 9],
  ],
  [
    ["ShearX", 0, 0],
    ["Solarize", 0.8, 4],
  ],
  [
    ["ShearY", 0.8, 0],
    ["Color", 0.6, 4],
  ],
  [
    ["Color", 1, 0],
    ["Rotate", 0.6, 2],
  ],
  [
    ["Equalize", 0.8, 4],
    ["Equalize", 0, 8],
  ],
  [
    ["Equalize", 1, 4],
    ["AutoContrast", 0.6, 2],
  ],
  [
    ["ShearY", 0.4, 7],
    ["SolarizeAdd", 0.6, 7],
  ],
  [
    ["Posterize", 0.8, 2],
    ["Solarize", 0.6, 10],
  ],
  [
    ["Solarize", 0.6, 8],
    ["Equalize", 0.6, 1],
  ],
  [
    ["Color", 0.8, 6],
    ["Rotate", 0.4, 5],
  ],
];

/** With the posterizing of Google's research code, which takes more bits away the higher the level. */
const increasing = (policy: readonly SubPolicy[]): readonly SubPolicy[] =>
  policy.map((steps) =>
    steps.map(([name, ...rest]): PolicyStep => [name.startsWith("Posterize") ? "PosterizeIncreasing" : name, ...rest]),
  );

/** timm's policies by its names, `3a` DeiT III's (arXiv 2204.07118); each picture gets one sub-policy, drawn at random. */
export const POLICIES = {
  original: ORIGINAL,
  originalr: increasing(ORIGINAL),
  v0: V0,
  v0r: increasing(V0),
  "3a": [[["Solarize", 1, 5]], [["Desaturate", 1, 10]], [["GaussianBlurRand", 1, 10]]],
} as const satisfies Record<string, readonly SubPolicy[]>;

/** The operations among which RandAugment draws, unless a set is named (arXiv 1909.13719). */
export const RAND_CHOICES = [
  "AutoContrast",
  "Equalize",
  "Invert",
  "Rotate",
  "Posterize",
  "Solarize",
  "SolarizeAdd",
  "Color",
  "Contrast",
  "Brightness",
  "Sharpness",
  "ShearX",
  "ShearY",
  "TranslateXRel",
  "TranslateYRel",
] as const satisfies readonly LevelName[];

/** Those that get stronger with their level: `inc1`. */
export const RAND_INCREASING_CHOICES = [
  "AutoContrast",
  "Equalize",
  "Invert",
  "Rotate",
  "PosterizeIncreasing",
  "SolarizeIncreasing",
  "SolarizeAdd",
  "ColorIncreasing",
  "ContrastIncreasing",
  "BrightnessIncreasing",
  "SharpnessIncreasing",
  "ShearX",
  "ShearY",
  "TranslateXRel",
  "TranslateYRel",
] as const satisfies readonly LevelName[];

/** A set of operations and, where they are not drawn equally often, how much each counts. */
export type WeightedChoices = readonly (readonly [name: LevelName, weight: number])[];

/** timm's sets of operations by its names. */
export const RAND_SETS = {
  "3a": ["SolarizeIncreasing", "Desaturate", "GaussianBlur"],
  "3aw": [
    ["SolarizeIncreasing", 6],
    ["Desaturate", 6],
    ["GaussianBlur", 6],
    ["Rotate", 3],
    ["ShearX", 2],
    ["ShearY", 2],
    ["PosterizeIncreasing", 1],
    ["AutoContrast", 1],
    ["ColorIncreasing", 1],
    ["SharpnessIncreasing", 1],
    ["ContrastIncreasing", 1],
    ["BrightnessIncreasing", 1],
    ["Equalize", 1],
    ["Invert", 1],
  ],
  weights: [
    ["Rotate", 3],
    ["ShearX", 2],
    ["ShearY", 2],
    ["TranslateXRel", 1],
    ["TranslateYRel", 1],
    ["ColorIncreasing", 0.25],
    ["SharpnessIncreasing", 0.25],
    ["AutoContrast", 0.25],
    ["SolarizeIncreasing", 0.05],
    ["SolarizeAdd", 0.05],
    ["ContrastIncreasing", 0.05],
    ["BrightnessIncreasing", 0.05],
    ["Equalize", 0.05],
    ["PosterizeIncreasing", 0.05],
    ["Invert", 0.05],
  ],
} as const satisfies Record<string, readonly LevelName[] | WeightedChoices>;
