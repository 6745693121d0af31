import { RequestError } from "../../errors.js";
import { type Protocol, type PublishedRow, publishedResults } from "../../evaluate/index.js";
import type { TuneModeName } from "../modes.js";
import type { RecipeName } from "../recipes.js";

/** An experiment of FixEfficientNet's: what is tuned, at which resolution, and how. */
export interface Preset {
  readonly name: string;
  /** timm's name of the weights that it starts from, which are on the hub as `timm/NAME`. */
  readonly weights: string;
  /** Test resolution, at which it is tuned too, px. */
  readonly resolution: number;
  readonly recipe: RecipeName;
  readonly mode: TuneModeName;
  /** Whose resize: the published rows were measured with the authors' own. */
  readonly transform: "standard" | "fixres-official";
  /** The published rows of those weights and of the tuned network, on each data set that there are some of. */
  readonly published: Readonly<Record<"before" | "after", Readonly<Partial<Record<Protocol, PublishedRow>>>>>;
}

/** How published rows name what the weights were trained by, and what FixRes was applied to. */
const [BEFORE, AFTER] = ["EfficientNet + ", "FixRes on "];

/**
 * One for each FixEfficientNet row that is published (arXiv 2003.08237, as in `published.json`): B0 to B8 on AdvProp's weights,
 * and as `NAME-extra` B0 to B7 and L2 on Noisy Student's, which saw further pictures. All the rest follows from the rows: the
 * weights are those of the same architecture and training, the largest below the resolution where there are two (L2 at 475).
 */
export const PRESETS: readonly Preset[] = presets(publishedResults());

function presets(rows: readonly PublishedRow[]): Preset[] {
  const fixed = rows.filter(({ training, protocol }) => training.startsWith(AFTER) && protocol === "imagenet-val");
  return fixed.map(({ model, arch, training, extraData, resolution }) => {
    const start = training.replace(AFTER, BEFORE);
    const bases = rows
      .filter((row) => row.arch === arch && row.training === start && row.resolution < resolution)
      .sort((a, b) => b.resolution - a.resolution);
    const weights = bases[0]!.model;
    return {
      name: `${model.toLowerCase()}${extraData === null ? "" : "-extra"}`,
      weights,
      resolution,
      recipe: "test+",
      mode: "classifier+bn",
      transform: "fixres-official",
      published: {
        before: byProtocol(bases.filter((row) => row.model === weights)),
        after: byProtocol(rows.filter((row) => row.model === model && row.training === training)),
      },
    };
  });
}

function byProtocol(rows: readonly PublishedRow[]): Partial<Record<Protocol, PublishedRow>> {
  return Object.fromEntries(rows.map((row) => [row.protocol, row]));
}

/** The preset of a name. @throws {RequestError} for an unknown one, with all names */
export function preset(name: string): Preset {
  const found = PRESETS.find((own) => own.name === name);
  if (found !== undefined) return found;
  throw new RequestError(
    `the preset "${name}" is unknown; choose one of ${PRESETS.map((own) => own.name).join(", ")}.`,
  );
}
