import { readFile } from "node:fs/promises";
import { DataError } from "../errors.js";
import { openFile } from "../files.js";
import { readMatlab } from "./matlab.js";

/**
 * What ImageNet's devkit knows of its classes: it counts them from 1 in an order of its own, which is not that of WordNet's ids.
 * `meta.mat` says which is which.
 * @param path - of `meta.mat`
 * @returns the WordNet id of a number of the devkit
 * @throws {DataError} where there is no such file, or it is another
 */
export async function readDevkit(path: string): Promise<(id: string, where: string) => string> {
  const file = await openFile(path, "the devkit's table of classes").catch((error: unknown) => {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(
      `"${path}" is missing, without which the devkit's numbers name no classes; put it beside the ground truth (it lies in the devkit's data/), or give Kaggle's LOC_val_solution.csv with --labels.`,
    );
  });
  await file.close();
  const { ILSVRC2012_ID: ids, WNID: names } = readMatlab(await readFile(path), path, "synsets", [
    "ILSVRC2012_ID",
    "WNID",
  ]);
  const byId = new Map(ids!.map((id, i) => [String(id), String(names![i])]));
  return (id, where) => {
    const name = byId.get(id);
    if (name !== undefined && Number(id) <= CLASSES) return name;
    throw new DataError(`${where}: "${id}" is no number of the devkit's classes, 1 to ${CLASSES}.`);
  };
}

/** Classes of the challenge; the devkit counts the nodes above them behind these. */
const CLASSES = 1000;
