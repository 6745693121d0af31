import type { BadPicture, Source } from "../data/index.js";
import { type CalibrationBin, calibration } from "./calibration.js";
import { type ClassScore, type ConfusedPair, type ConfusionCell, confusion, type MacroScore } from "./confusion.js";
import type { Scores } from "./metrics.js";
import { type Accuracy, tally } from "./tally.js";

/** A picture that was misjudged with confidence. */
export interface WorstPicture {
  /** Its name in its source. */
  readonly name: string;
  readonly path: string;
  /** Its class by its folder; null where only sets of right classes are known. */
  readonly label: string | null;
  readonly predicted: string;
  /** Probability of the predicted class. */
  readonly probability: number;
  readonly loss: number;
}

/** Accuracy with where it is lost. */
export interface Details extends Accuracy {
  /** Expected calibration error, as `calibration` says, and what it is made of. */
  readonly ece: number;
  readonly calibration: readonly CalibrationBin[];
  /** By the classes of the folders; empty counts where only sets of right classes are known. */
  readonly perClass: readonly ClassScore[];
  readonly macro: MacroScore;
  readonly confusion: readonly ConfusionCell[];
  readonly mostConfused: readonly ConfusedPair[];
  /** The pictures of the largest losses, largest first. */
  readonly worst: readonly WorstPicture[];
}

/** Scored pictures of a source, and the position in its order after them. */
export interface Scored {
  readonly scores: Scores;
  /** Indices into the source's samples. */
  readonly samples: ArrayLike<number>;
  readonly bad: readonly BadPicture[];
  readonly end: number;
}

/** What is told of pairs and pictures. */
const SHOWN = 10;

/**
 * Everything that is told of an evaluation, from one pass over the scores in any order. Memory: a byte a picture, the cells of the
 * confusion matrix that are not 0, and a few pictures. A label of -1 is one that is not known.
 */
export function detailedTally({ classes, samples: all }: Pick<Source, "classes" | "samples">) {
  const sums = tally();
  const trust = calibration();
  const matrix = confusion(classes);
  /** Largest loss first; between equal ones the earlier picture. */
  const worst: { sample: number; loss: number; prediction: number; probability: number }[] = [];
  return {
    add({ scores, samples }: Pick<Scored, "scores" | "samples">): void {
      sums.add(scores, samples);
      const count = scores.top1.length;
      const kept = count === 0 ? 0 : scores.top.length / count;
      for (let i = 0; i < count; i++) {
        const [sample, loss] = [samples[i]!, scores.loss[i]!];
        const [prediction, probability] = [scores.prediction[i]!, scores.probability[i * kept]!];
        trust.add(probability, scores.top1[i]!);
        const { label } = all[sample]!;
        if (label >= 0) matrix.add(label, prediction);
        const before = worst.findIndex((other) => other.loss < loss || (other.loss === loss && other.sample > sample));
        if (before < 0 && worst.length >= SHOWN) continue;
        worst.splice(before < 0 ? worst.length : before, 0, { sample, loss, prediction, probability });
        worst.length = Math.min(worst.length, SHOWN);
      }
    },
    top1: (): number => sums.result().top1,
    correct: (): Uint8Array => sums.correct(),
    result(): Details {
      const accuracy = sums.result();
      const { ece, bins } = trust.result();
      return {
        ...accuracy,
        ece,
        calibration: bins,
        perClass: matrix.perClass(),
        macro: matrix.macro(),
        confusion: matrix.cells(),
        mostConfused: matrix.mostConfused(SHOWN),
        worst: worst.map(({ sample, loss, prediction, probability }) => {
          const { name, path, label } = all[sample]!;
          return { name, path, label: classes[label] ?? null, predicted: classes[prediction]!, probability, loss };
        }),
      };
    },
  };
}
