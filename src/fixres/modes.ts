import { RequestError } from "../errors.js";
import type { Cut } from "../models/index.js";

/** What of a network is tuned. Everything below `cut` is frozen and in inference mode, so its features can be kept. */
export interface TuneMode {
  readonly cut: Cut;
  /** Names of the parameters that are trained. */
  readonly trains: RegExp;
  /** Whether the last BatchNorm normalises by the batch and updates its running statistics. */
  readonly batchStatistics: boolean;
  readonly summary: string;
}

/** The modes of DESIGN.md, section 6 (arXiv 1906.06423, section 4.2; 2003.08237, section 3). */
export const TUNE_MODES = {
  classifier: {
    cut: "pooled",
    trains: /^classifier\./,
    batchStatistics: false,
    summary: "the classifier alone",
  },
  "classifier+bn-stats": {
    cut: "trunk",
    trains: /^classifier\./,
    batchStatistics: true,
    summary: "the classifier; the last BatchNorm follows the new statistics (the authors' EfficientNet code)",
  },
  "classifier+bn": {
    cut: "trunk",
    trains: /^(classifier|bn2)\./,
    batchStatistics: true,
    summary: "the classifier and the last BatchNorm (the papers)",
  },
  head: {
    cut: "trunk",
    trains: /^(classifier|bn2|conv_head)\./,
    batchStatistics: true,
    summary: "the same and the last 1x1 convolution",
  },
} as const satisfies Record<string, TuneMode>;

export type TuneModeName = keyof typeof TUNE_MODES;

/** The mode of a name. @throws {RequestError} for an unknown one */
export function tuneMode(name: string): TuneMode {
  if (!Object.hasOwn(TUNE_MODES, name))
    throw new RequestError(`what to tune is "${name}"; choose one of ${Object.keys(TUNE_MODES).join(", ")}.`);
  return TUNE_MODES[name as TuneModeName];
}
