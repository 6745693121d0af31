/** How one class fared. Shares are fractions; null where there is nothing to take them of. */
export interface ClassScore {
  readonly class: string;
  readonly index: number;
  /** Pictures of the class. */
  readonly n: number;
  /** Pictures that were taken for it. */
  readonly predicted: number;
  /** Pictures of the class that were taken for it. */
  readonly correct: number;
  /** correct / predicted. */
  readonly precision: number | null;
  /** correct / n. */
  readonly recall: number | null;
  /** Harmonic mean of the two, 2 correct / (n + predicted). */
  readonly f1: number | null;
}

/** Means over the classes that have pictures; a class that was never predicted has precision 0. */
export interface MacroScore {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** Pictures of one class that were taken for another. */
export interface ConfusedPair {
  readonly label: string;
  readonly predicted: string;
  readonly count: number;
  /** Pictures of the class `label`. */
  readonly n: number;
}

/** A cell of the confusion matrix that is not 0. */
export type ConfusionCell = readonly [label: number, predicted: number, count: number];

/** Counts of (label, prediction). */
export interface Confusion {
  add(label: number, predicted: number): void;
  /** By label, then prediction. */
  cells(): ConfusionCell[];
  perClass(): ClassScore[];
  macro(): MacroScore;
  /** The pairs of classes that were confused most often, most often first. */
  mostConfused(count: number): ConfusedPair[];
}

/** An empty confusion matrix; only cells that are not 0 take memory. @param classes - names */
export function confusion(classes: readonly string[]): Confusion {
  const counts = new Map<number, number>();
  const cells = (): ConfusionCell[] =>
    [...counts]
      .sort(([a], [b]) => a - b)
      .map(([key, count]) => [Math.floor(key / classes.length), key % classes.length, count]);
  const perClass = (): ClassScore[] => {
    const sums = classes.map(() => ({ n: 0, predicted: 0, correct: 0 }));
    for (const [label, predicted, count] of cells()) {
      sums[label]!.n += count;
      sums[predicted]!.predicted += count;
      if (label === predicted) sums[label]!.correct += count;
    }
    const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
    return sums.map(({ n, predicted, correct }, index) => ({
      class: classes[index]!,
      index,
      n,
      predicted,
      correct,
      precision: share(correct, predicted),
      recall: share(correct, n),
      f1: share(2 * correct, n + predicted),
    }));
  };
  return {
    add(label, predicted) {
      const key = label * classes.length + predicted;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    cells,
    perClass,
    macro() {
      const shown = perClass().filter(({ n }) => n > 0);
      const mean = (of: (score: ClassScore) => number | null): number =>
        shown.reduce((sum, score) => sum + (of(score) ?? 0), 0) / Math.max(1, shown.length);
      return {
        precision: mean(({ precision }) => precision),
        recall: mean(({ recall }) => recall),
        f1: mean(({ f1 }) => f1),
      };
    },
    mostConfused(count) {
      const sizes = perClass().map(({ n }) => n);
      return cells()
        .filter(([label, predicted]) => label !== predicted)
        .sort((a, b) => b[2] - a[2] || a[0] - b[0] || a[1] - b[1])
        .slice(0, count)
        .map(([label, predicted, times]) => ({
          label: classes[label]!,
          predicted: classes[predicted]!,
          count: times,
          n: sizes[label]!,
        }));
    },
  };
}
