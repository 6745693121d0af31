import { RequestError } from "../errors.js";
import { type TestPreprocessing, type Transform, testPlusTransform, testTransform } from "../pixels/index.js";
import type { TuneOptions } from "./options.js";

/** What a recipe decides: how pictures are shown in training, and how long and fast it learns. */
export interface Recipe
  extends Pick<
    TuneOptions,
    "epochs" | "baseLearningRate" | "decayEpochs" | "momentum" | "weightDecay" | "labelSmoothing"
  > {
  readonly summary: string;
  /** The pictures of training, by the test's preprocessing. */
  readonly transform: (preprocessing: TestPreprocessing) => Transform;
}

/** SGD as all of the authors' fine-tunings have it, and FixEfficientNet's label smoothing (arXiv 2003.08237, section 3). */
const COMMON = { decayEpochs: 30, momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0.1 } as const;

/**
 * The FixRes authors' two recipes by their transforms (DESIGN.md, section 6; arXiv 1906.06423; their README).
 * - `test`: 1 to 56 epochs in their examples, none of which is of EfficientNet; 30 is all of the first rate. Features are
 *   computed once, so that epochs cost little.
 * - `test+`: "our best results" there.
 */
export const RECIPES = {
  test: {
    ...COMMON,
    summary: "the test's pictures as they are (the authors' first recipe)",
    epochs: 30,
    baseLearningRate: 1e-3,
    transform: testTransform,
  },
  "test+": {
    ...COMMON,
    summary: "those mirrored, jittered by 0.05 and shifted along the width, at random (the authors' second recipe)",
    epochs: 11,
    baseLearningRate: 1e-4,
    transform: (preprocessing) => testPlusTransform(preprocessing),
  },
} as const satisfies Record<string, Recipe>;

export type RecipeName = keyof typeof RECIPES;

/** The names of recipes. */
export const RECIPE_NAMES = Object.keys(RECIPES) as RecipeName[];

/** The recipe of a name. @throws {RequestError} for an unknown one */
export function recipe(name: string): Recipe {
  if (Object.hasOwn(RECIPES, name)) return RECIPES[name as RecipeName];
  throw new RequestError(`the recipe "${name}" is unknown; choose one of ${RECIPE_NAMES.join(", ")}.`);
}
