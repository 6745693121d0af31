import { RequestError } from "../errors.js";

/** What of a network is tuned. Everything below is frozen and in inference mode, so its features can be kept. */
export interface TuneMode {
  /** The last BatchNorm: as it was, following the batches' statistics, or with its weight and bias trained too. */
  readonly norm: "frozen" | "statistics" | "trained";
  /** Whether the convolution before that BatchNorm is trained. */
  readonly conv: boolean;
  readonly summary: string;
}

/** The modes of DESIGN.md, section 6 (arXiv 1906.06423, section 4.2; 2003.08237, section 3). The classifier is trained in all. */
export const TUNE_MODES = {
  classifier: { norm: "frozen", conv: false, summary: "the classifier alone" },
  "classifier+bn-stats": {
    norm: "statistics",
    conv: false,
    summary: "the classifier; the last BatchNorm follows the new statistics (the authors' EfficientNet code)",
  },
  "classifier+bn": { norm: "trained", conv: false, summary: "the classifier and the last BatchNorm (the papers)" },
  head: { norm: "trained", conv: true, summary: "the same and the last convolution" },
} as const satisfies Record<string, TuneMode>;

export type TuneModeName = keyof typeof TUNE_MODES;

/** The mode of a name. @throws {RequestError} for an unknown one */
export function tuneMode(name: string): TuneMode {
  if (!Object.hasOwn(TUNE_MODES, name))
    throw new RequestError(`what to tune is "${name}"; choose one of ${Object.keys(TUNE_MODES).join(", ")}.`);
  return TUNE_MODES[name as TuneModeName];
}
