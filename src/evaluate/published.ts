import file from "./published.json" with { type: "json" };

/** Data sets that published numbers are of. */
export const PROTOCOLS = ["imagenet-val", "imagenet-real", "imagenet-v2"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** A published result; accuracies are fractions. */
export interface PublishedRow {
  readonly model: string;
  /** As `architecture` calls it, without `tf_`. */
  readonly arch: string;
  readonly training: string;
  readonly extraData: string | null;
  readonly protocol: Protocol;
  readonly resolution: number;
  readonly cropRatio: number | null;
  readonly interpolation: string | null;
  readonly parameters: number;
  readonly top1: number;
  readonly top5: number | null;
  /** Where it is published. */
  readonly source: string;
}

interface Accuracies {
  readonly top1: number;
  readonly top5: number | null;
}

/** Published single-crop results of EfficientNet, with AdvProp and Noisy Student, and of FixEfficientNet, on each data set. */
export function publishedResults(): PublishedRow[] {
  const sources: Readonly<Record<string, string>> = file.sources;
  return file.rows.flatMap((row) => {
    const found: Readonly<Record<Protocol, Accuracies | null>> = {
      "imagenet-val": row.imagenet_val,
      "imagenet-real": row.imagenet_real,
      "imagenet-v2": row.imagenet_v2_matched,
    };
    return PROTOCOLS.flatMap((protocol): PublishedRow[] => {
      const accuracies = found[protocol];
      if (accuracies === null) return [];
      return [
        {
          model: row.model,
          arch: baseName(row.arch),
          training: row.training,
          extraData: row.extra_data,
          protocol,
          resolution: row.resolution,
          cropRatio: row.crop_pct,
          interpolation: row.interpolation,
          parameters: Math.round(row.params_millions * 1e6),
          top1: fraction(accuracies.top1),
          top5: accuracies.top5 === null ? null : fraction(accuracies.top5),
          source: sources[row.source]!,
        },
      ];
    });
  });
}

/** A percentage of three digits behind the point at most, without what dividing would leave behind them. */
const fraction = (percentage: number): number => Math.round(1000 * percentage) / 1e5;

/** An architecture's name without what says how it pads: `tf_efficientnet_b0` and `efficientnet-b0` are `efficientnet_b0`. */
export const baseName = (arch: string): string => arch.replace(/^tf_/, "").replaceAll("-", "_");
