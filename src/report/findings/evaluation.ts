import { DataError } from "../../errors.js";
import {
  type Calibration,
  type ConfusedPair,
  type ConfusionCell,
  calibration,
  confusion,
  openRecord,
  type RecordHead,
} from "../../evaluate/index.js";

/** Pairs of classes, and pictures, that a report tells of. */
const PAIRS = 15;
export const WORST = 24;
/** Classes of a confusion matrix that is drawn whole, and of the part that is drawn of a larger one. */
const WHOLE = 40;
const PART = 30;
/** Pictures that are named of one cell. */
export const CELL_PICTURES = 12;

/** How one picture came out. */
export interface PictureResult {
  /** Its name in its source. */
  readonly id: string;
  /** Its class; null where only sets of right classes are known. */
  readonly label: number | null;
  readonly predicted: number;
  /** Of the predicted class. */
  readonly probability: number;
  readonly loss: number;
}

/** A cell that is drawn: how many pictures it has, and some of them. */
export interface DrawnCell {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
  /** Those of the largest loss, largest first. */
  readonly pictures: readonly PictureResult[];
}

/** What the rows of one evaluation come to. */
export interface EvaluationFindings {
  /** Such as `after`. */
  readonly name: string;
  readonly head: RecordHead;
  readonly classes: readonly string[];
  readonly n: number;
  readonly calibration: Calibration;
  readonly mostConfused: readonly ConfusedPair[];
  readonly worst: readonly PictureResult[];
  readonly matrix: {
    /** Indices of the classes that are drawn, in their order: all, or those that take part in most confusions. */
    readonly shown: readonly number[];
    /** Pictures of each of those. */
    readonly sizes: readonly number[];
    readonly cells: readonly DrawnCell[];
  };
}

/** Such of one kind as are largest, largest first; of equal ones those that came first. */
class Largest<T> {
  readonly kept: T[] = [];
  constructor(
    private readonly most: number,
    private readonly of: (one: T) => number,
  ) {}

  add(one: T): void {
    if (this.kept.length === this.most && this.of(this.kept.at(-1)!) >= this.of(one)) return;
    let at = this.kept.length;
    while (at > 0 && this.of(this.kept[at - 1]!) < this.of(one)) at--;
    this.kept.splice(at, 0, one);
    this.kept.length = Math.min(this.kept.length, this.most);
  }
}

/**
 * Reads the rows of an evaluation, some thousand at a time, twice: memory grows with the cells of the confusion matrix that are not 0.
 * @throws {DataError} where the directory holds no record, or a damaged one
 */
export async function evaluationFindings(directory: string, name: string): Promise<EvaluationFindings> {
  const record = await openRecord(directory);
  const { classes, head, n } = record;
  const [matrix, trust] = [confusion(classes), calibration()];
  const worst = new Largest<PictureResult>(WORST, ({ loss }) => loss);
  for await (const rows of record.rows()) {
    for (const { id, label, top, probability, loss, correct } of rows) {
      if (!(label < classes.length && classes[top[0]!] !== undefined))
        throw new DataError(
          `"${directory}" has a row of the classes ${label} and ${top[0]}, but only ${classes.length} classes; evaluate again.`,
        );
      trust.add(probability[0]!, correct ? 1 : 0);
      if (label >= 0) matrix.add(label, top[0]!);
      const known = label >= 0 ? label : null;
      if (!correct) worst.add({ id, label: known, predicted: top[0]!, probability: probability[0]!, loss });
    }
  }
  const all = matrix.cells();
  const shown = shownClasses(all, classes.length);
  const within = new Set(shown);
  const cells = new Map(
    all
      .filter(([label, predicted]) => within.has(label) && within.has(predicted))
      .map(([label, predicted, count]) => [
        `${label} ${predicted}`,
        { label, predicted, count, largest: new Largest<PictureResult>(CELL_PICTURES, ({ loss }) => loss) },
      ]),
  );
  for await (const rows of record.rows()) {
    for (const { id, label, top, probability, loss } of rows) {
      const cell = cells.get(`${label} ${top[0]}`);
      cell?.largest.add({ id, label, predicted: top[0]!, probability: probability[0]!, loss });
    }
  }
  const sizes = matrix.perClass().map((one) => one.n);
  return {
    ...{ name, head, classes, n },
    calibration: trust.result(),
    mostConfused: matrix.mostConfused(PAIRS),
    worst: worst.kept,
    matrix: {
      shown,
      sizes: shown.map((index) => sizes[index]!),
      cells: [...cells.values()].map(({ largest, ...cell }) => ({ ...cell, pictures: largest.kept })),
    },
  };
}

/** All classes, or of many those that were confused most often, as what they are or what they were taken for. */
function shownClasses(cells: readonly ConfusionCell[], classes: number): number[] {
  const all = Array.from({ length: classes }, (_, index) => index);
  if (classes <= WHOLE) return all;
  const confused = new Float64Array(classes);
  for (const [label, predicted, count] of cells) {
    if (label === predicted) continue;
    confused[label]! += count;
    confused[predicted]! += count;
  }
  return all
    .sort((a, b) => confused[b]! - confused[a]! || a - b)
    .slice(0, PART)
    .sort((a, b) => a - b);
}
