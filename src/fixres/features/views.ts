import { type BadPicture, type Source, testTransform } from "../../data/index.js";
import type { Model } from "../../models/index.js";
import type { TuneOptions } from "../options.js";
import { recipe } from "../recipes.js";
import type { FeatureType } from "../top.js";
import {
  type BatchOptions,
  CACHE_DEFAULTS,
  type CacheWhere,
  type FeatureBatch,
  type FeatureOptions,
  Features,
} from "./features.js";

/** What features are of, besides how the pictures are shown. */
export type ViewOptions = Omit<
  FeatureOptions,
  "transform" | "described" | "draw" | "copies" | "seed" | "type" | "shown"
>;

/** What features of a source are made with in a tuning. */
export function viewOptions(
  model: Model,
  source: Source,
  { mode, onBadImage }: TuneOptions,
  {
    cache = CACHE_DEFAULTS,
    device,
    threads,
    elsewhere,
    signal,
    progress,
  }: Partial<Omit<ViewOptions, "model" | "source">>,
): ViewOptions {
  return { model, mode, source, cache, onBadImage, device, threads, elsewhere, signal, progress };
}

/** Features of pictures as the test shows them. */
export function testFeatures(
  given: ViewOptions,
  { preprocessing, seed }: TuneOptions,
  type: FeatureType,
): FeatureOptions {
  const shown = { recipe: "test", preprocessing } as const;
  const transform = testTransform(preprocessing);
  return { ...given, shown, transform, described: JSON.stringify(preprocessing), seed, draw: 0, copies: 1, type };
}

/** Features of the draws that a recipe's epochs take turns at, or of one that nobody keeps; none where it does not draw. */
export function drawnFeatures(given: ViewOptions, options: TuneOptions): FeatureOptions[] {
  const { preprocessing, views: copies, cacheType } = options;
  const transform = recipe(options.recipe).transform(preprocessing);
  if (transform.deterministic) return [];
  const plain = testFeatures(given, options, cacheType);
  const cache = copies === 0 ? { ...given.cache, where: "none" as const } : given.cache;
  const described = `${options.recipe} ${plain.described}`;
  const shown = { recipe: options.recipe, preprocessing };
  const first = { ...plain, shown, transform, described, cache, copies };
  return Array.from({ length: Math.max(1, copies) }, (_, draw) => ({ ...first, draw }));
}

/**
 * Features of the training pictures as a recipe shows them: always the same ones; where it draws at random, those of some draws that
 * take turns, or of a draw an epoch, which nobody keeps.
 */
export class Views {
  private constructor(
    /** As the test shows them, for what must not depend on draws. */
    readonly plain: Features,
    private readonly drawn: readonly Features[],
    /** Whether each epoch has a draw of its own. */
    private readonly anew: boolean,
  ) {}

  static async open(given: ViewOptions, options: TuneOptions): Promise<Views> {
    const plain = await Features.open(testFeatures(given, options, options.cacheType));
    const drawn: Features[] = [];
    for (const own of drawnFeatures(given, options)) drawn.push(await Features.open(own));
    return new Views(plain, drawn, options.views === 0);
  }

  /** Batches of an epoch. @param epoch - from 1 */
  batches(order: Int32Array, epoch: number, options: Omit<BatchOptions, "draw">): AsyncGenerator<FeatureBatch> {
    const { drawn, plain } = this;
    if (drawn.length === 0) return plain.batches(order, options);
    const draw = epoch - 1;
    const features = drawn[draw % drawn.length]!;
    return features.batches(order, { ...options, ...(this.anew && { draw }) });
  }

  /** Those whose files an epoch reads. */
  private get used(): readonly Features[] {
    return this.drawn.length === 0 ? [this.plain] : this.drawn;
  }

  get bytes(): number {
    return this.used.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get where(): CacheWhere {
    return this.used[0]!.where;
  }

  /** Pictures whose features were computed. */
  get computed(): number {
    return this.drawn.reduce((sum, { computed }) => sum + computed, this.plain.computed);
  }

  get bad(): readonly BadPicture[] {
    const all = [this.plain, ...this.drawn].flatMap(({ bad }) => bad);
    return [...new Map(all.map((picture) => [picture.name, picture])).values()];
  }

  async dispose(): Promise<void> {
    for (const features of [this.plain, ...this.drawn]) await features.dispose();
  }
}
