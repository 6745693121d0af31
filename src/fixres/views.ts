import { type BadPicture, testTransform } from "../data/index.js";
import { type BatchOptions, type CacheWhere, type FeatureBatch, type FeatureOptions, Features } from "./features.js";
import type { TuneOptions } from "./options.js";
import { recipe } from "./recipes.js";

/** What features of training pictures are of, besides how they are transformed. */
export type ViewOptions = Omit<FeatureOptions, "transform" | "described" | "draw" | "copies" | "seed" | "type">;

/**
 * Features of the training pictures as a recipe shows them: always the same ones; where it draws at random, those of some draws that
 * take turns, or of a draw an epoch, which nobody keeps.
 */
export class Views {
  private constructor(
    /** As the test shows them, for what must not depend on draws. */
    readonly plain: Features,
    private readonly drawn: readonly Features[],
  ) {}

  static async open(given: ViewOptions, options: TuneOptions): Promise<Views> {
    const { preprocessing, seed, cacheType: type, views } = options;
    const open = (changes: Pick<FeatureOptions, "transform" | "described" | "draw" | "copies" | "cache">) =>
      Features.open({ ...given, seed, type, ...changes });
    const { cache } = given;
    const described = JSON.stringify(preprocessing);
    const transform = recipe(options.recipe).transform(preprocessing);
    const plain = await open({ transform: testTransform(preprocessing), described, draw: 0, copies: 1, cache });
    if (transform.deterministic) return new Views(plain, []);
    const drawn: Features[] = [];
    const kept = views === 0 ? { ...cache, where: "none" as const } : cache;
    for (let draw = 0; draw < Math.max(1, views); draw++)
      drawn.push(
        await open({ transform, described: `${options.recipe} ${described}`, draw, copies: views, cache: kept }),
      );
    return new Views(plain, drawn);
  }

  /** Batches of an epoch. @param epoch - from 1 */
  batches(order: Int32Array, epoch: number, options: Omit<BatchOptions, "draw">): AsyncGenerator<FeatureBatch> {
    const { drawn, plain } = this;
    if (drawn.length === 0) return plain.batches(order, options);
    const draw = epoch - 1;
    const features = drawn[draw % drawn.length]!;
    return features.batches(order, { ...options, ...(features.where === "none" && { draw }) });
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
