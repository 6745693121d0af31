import { type ExactSum, exactSum } from "./sum.js";

/** Bins of equal width that confidences are sorted into. */
export const CALIBRATION_BINS = 15;

/** Pictures whose confidence lies in (low, high]. */
export interface CalibrationBin {
  readonly low: number;
  readonly high: number;
  readonly n: number;
  /** Mean confidence and top-1 of its pictures; null in an empty bin. */
  readonly confidence: number | null;
  readonly accuracy: number | null;
}

/** How far confidence and accuracy lie apart. */
export interface Calibration {
  /** Expected calibration error, in [0, 1]. */
  readonly ece: number;
  readonly bins: readonly CalibrationBin[];
}

/** Confidences seen so far. */
export interface CalibrationTally {
  /** @param confidence - probability of the predicted class  @param right - 1 where it is right, else 0 */
  add(confidence: number, right: number): void;
  result(): Calibration;
}

/** The bin of a confidence, that whose upper end is the first not below it. */
export const binOf = (confidence: number): number =>
  Math.min(CALIBRATION_BINS - 1, Math.max(0, Math.ceil(confidence * CALIBRATION_BINS) - 1));

/**
 * Expected calibration error: ECE = Σ_b n_b / n · |accuracy_b - confidence_b| over 15 bins of equal width, each open below and
 * closed above, by the probability of the predicted class (Guo et al. 2017, arXiv 1706.04599, section 2). 0 without pictures.
 */
export function calibration(): CalibrationTally {
  const bins = Array.from({ length: CALIBRATION_BINS }, (): { n: number; right: number; sum: ExactSum } => ({
    n: 0,
    right: 0,
    sum: exactSum(),
  }));
  return {
    add(confidence, right) {
      const bin = bins[binOf(confidence)]!;
      bin.n++;
      bin.right += right;
      bin.sum.add(confidence);
    },
    result() {
      const n = bins.reduce((sum, bin) => sum + bin.n, 0);
      const gaps = bins.map((bin) => Math.abs(bin.right - bin.sum.value()));
      return {
        ece: n === 0 ? 0 : gaps.reduce((a, b) => a + b, 0) / n,
        bins: bins.map((bin, b) => ({
          low: b / CALIBRATION_BINS,
          high: (b + 1) / CALIBRATION_BINS,
          n: bin.n,
          confidence: bin.n === 0 ? null : bin.sum.value() / bin.n,
          accuracy: bin.n === 0 ? null : bin.right / bin.n,
        })),
      };
    },
  };
}
