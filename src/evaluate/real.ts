import { z } from "zod";
import { partOf, type Source } from "../data/index.js";
import { DataError } from "../errors.js";
import { readJson } from "../files.js";
import { IMAGENET_IDS } from "../models/index.js";
import type { Truth } from "./metrics.js";

/** The reassessed labels of ImageNet's validation set: of picture i + 1 all classes that are right, which may be none. */
export type RealLabels = readonly (readonly number[])[];

/**
 * Reads the labels of "Are we done with ImageNet?" (arXiv 2006.07159), `real.json` of google-research/reassessed-imagenet: a list
 * of class indices for each of ILSVRC2012_val_00000001 and those after it.
 * @throws {DataError} where it is missing or something else
 */
export function readRealLabels(path: string): Promise<RealLabels> {
  return readJson(path, z.array(z.array(z.number().int().nonnegative())).min(1), "ReaL labels");
}

/** Pictures with the labels that they are scored by. */
export interface Labelled {
  readonly source: Source;
  /** The right answers of each picture of the source. */
  readonly truth: readonly Truth[];
  /** Pictures that no label is right for, which are not in the source. */
  readonly leftOut: number;
}

/**
 * The pictures of a source under the reassessed labels, by the numbers in their file names. A set's classes that the source does not
 * have are dropped where its classes are ids of ImageNet's, and those that do not compete; pictures without a right class are left out.
 * @throws {DataError} naming a picture that has no number, a number that another has too or that is behind the last list, or a label
 * that is no class
 */
export function underRealLabels(source: Source, labels: RealLabels): Labelled {
  const classOf = classIndices(source.classes);
  const competing = source.competing && new Set(source.competing);
  const numbers = new Map<number, string>();
  const kept = Array.from(source.samples).flatMap((sample, index) => {
    const number = validationNumber(sample.name);
    const earlier = numbers.get(number);
    if (earlier !== undefined) {
      throw new DataError(
        `"${sample.name}" and "${earlier}" are both picture ${number} of the validation set; remove one.`,
      );
    }
    numbers.set(number, sample.name);
    const list = labels[number - 1];
    if (list === undefined) {
      throw new DataError(
        `"${sample.name}" is picture ${number} of the validation set, but the ReaL labels are those of ${labels.length}; give the whole file.`,
      );
    }
    const truth = list
      .flatMap((label) => classOf(label, sample.name) ?? [])
      .filter((label) => competing?.has(label) !== false);
    return truth.length === 0 ? [] : [{ index, truth }];
  });
  if (kept.length === 0)
    throw new DataError(`"${source.name}" has no picture with a ReaL label, so there is nothing to score.`);
  return {
    source: partOf(
      source,
      kept.map(({ index }) => index),
    ),
    truth: kept.map(({ truth }) => truth),
    leftOut: source.samples.length - kept.length,
  };
}

/** What picture 293 and others are called: `ILSVRC2012_val_00000293.JPEG`. */
export const validationName = (number: number): string => `ILSVRC2012_val_${String(number).padStart(8, "0")}.JPEG`;

/** Names such as `n01440764/ILSVRC2012_val_00000293.JPEG`, also with the class behind the number, as some archives have it. */
const VALIDATION = /(?:^|[/\\])ILSVRC2012_val_(\d{8})(?:_n\d{8})?\.\w+$/i;

/** Whether a picture is called as one of ImageNet's validation set. */
export const isValidationName = (name: string): boolean => VALIDATION.test(name);

function validationNumber(name: string): number {
  const digits = VALIDATION.exec(name)?.[1];
  if (digits !== undefined && Number(digits) > 0) return Number(digits);
  throw new DataError(
    `"${name}" has no ReaL label: its file name is none of ImageNet's validation set, such as ILSVRC2012_val_00000293.JPEG.`,
  );
}

/** From a class of ImageNet's to the source's; undefined where the source does not have it. */
function classIndices(classes: readonly string[]): (label: number, name: string) => number | undefined {
  const byId = new Map(classes.map((id, index) => [id, index]));
  const ids = IMAGENET_IDS;
  const known = new Set(ids);
  const isImagenet = classes.every((id) => known.has(id));
  const count = isImagenet ? ids.length : classes.length;
  return (label, name) => {
    if (label >= count) {
      throw new DataError(
        `"${name}" has the ReaL label ${label}, but there are ${count} classes (0 to ${count - 1}); they are those of ImageNet's 1000.`,
      );
    }
    return isImagenet ? byId.get(ids[label]!) : label;
  };
}
