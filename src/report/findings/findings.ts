import { isAbsolute, join, normalize, resolve, sep } from "node:path";
import { CROP_MODES, FILTERS, openSplit, type Source, type TestPreprocessing, TRANSFORMS } from "../../data/index.js";
import { DataError, FixresError } from "../../errors.js";
import { isRecord, type Protocol } from "../../evaluate/index.js";
import { type RunRecord, readRun, type Setting } from "../runs/index.js";
import { type AccuracyAt, accuraciesOf } from "./accuracies.js";
import { type EvaluationFindings, evaluationFindings } from "./evaluation.js";
import { type Thumbnails, thumbnailsOf } from "./pictures.js";
import { type ObjectSizes, objectSizesOf } from "./sizes.js";

/** What a run has found. */
export interface RunFindings {
  readonly folder: string;
  readonly run: RunRecord;
  readonly accuracies: readonly AccuracyAt[];
  /** Of each evaluation that has kept a row a picture; the last is the one that matters. */
  readonly evaluations: readonly EvaluationFindings[];
  /** Or why there are none. */
  readonly sizes: ObjectSizes | { readonly why: string };
  readonly thumbnails: Thumbnails;
  /** What a reader should know, such as why there are no pictures. */
  readonly notes: readonly string[];
}

export interface FindingsOptions {
  /** Where the run's pictures are now; where its settings say unless given. */
  readonly data?: string;
  /** Whether pictures are read, for thumbnails and sizes; true unless given. */
  readonly pictures?: boolean;
}

/** Why what follows from rows is missing. */
export const NO_ROWS =
  "the run keeps no row a picture; `fixres eval MODEL --data DIR --out DIR` does, and can be reported on.";

/** The evaluation that a report is about: the last. */
export const mainEvaluation = ({ evaluations }: RunFindings): EvaluationFindings | null => evaluations.at(-1) ?? null;

/** The known data set that a run's accuracies are of; null for any other. */
export function protocolOfRun({ evaluations, run }: RunFindings): Protocol | null {
  const own = evaluations.at(-1)?.head.data.protocol;
  if (own !== undefined) return own;
  const rows =
    run.kind === "compare" ? (run.result?.rows as { head?: { data?: { protocol?: Protocol } } }[]) : undefined;
  return (Array.isArray(rows) && rows[0]?.head?.data?.protocol) || null;
}

/**
 * Gathers what a run has found. Pictures that cannot be found make a note, not an error.
 * @throws {DataError} where the folder has no record of a run, or it or its evaluations are damaged
 */
export async function runFindings(
  folder: string,
  { data, pictures = true }: FindingsOptions = {},
): Promise<RunFindings> {
  const run = await readRun(folder);
  const notes: string[] = [];
  const evaluations: EvaluationFindings[] = [];
  for (const name of ["evaluation", "before", "after"]) {
    const path = run.files[name];
    if (path === undefined) continue;
    const directory = inside(folder, path);
    if (await isRecord(directory)) evaluations.push(await evaluationFindings(directory, name));
  }
  const main = evaluations.at(-1);
  const found = { folder, run, accuracies: accuraciesOf(run), evaluations };
  const where = data ?? fromSettings(run);
  const source = pictures && where !== null ? await sourceOf(where, main?.classes, notes) : null;
  const none = { ...found, thumbnails: new Map<string, string>(), notes };
  if (source === null) {
    const why = !pictures
      ? "pictures were not to be read."
      : (notes.at(-1) ?? "the run does not say where its pictures are; give --data.");
    return { ...none, sizes: { why } };
  }
  const preprocessing = preprocessingOf(run);
  const thumbnails =
    main === undefined ? none.thumbnails : await thumbnailsOf(main, source, preprocessing?.exifOrientation ?? false);
  const resolutions = resolutionsOf(run, preprocessing);
  if (preprocessing === null || run.model === null || resolutions.length === 0)
    return { ...found, thumbnails, notes, sizes: { why: "the run does not say how its pictures were shown." } };
  const { minCropArea } = run.settings;
  const sizes = await objectSizesOf(source, {
    trainResolution: run.model.trainResolution,
    minCropArea: typeof minCropArea === "number" && minCropArea > 0 && minCropArea <= 1 ? minCropArea : undefined,
    preprocessing,
    resolutions,
  });
  return { ...found, thumbnails, notes, sizes: sizes ?? { why: "none of the pictures can be read." } };
}

/** A path of a record, which must not lead out of the run's folder. */
function inside(folder: string, path: string): string {
  if (isAbsolute(path) || normalize(path).split(sep)[0] === "..")
    throw new DataError(
      `"${folder}" has a record that names a file outside of it, "${path}"; such a record is not followed.`,
    );
  return join(folder, path);
}

function fromSettings({ cwd, settings }: RunRecord): string | null {
  return typeof settings.data === "string" ? resolve(cwd, settings.data) : null;
}

/** The run's validation pictures; null, and a note, where they are not there any more. */
async function sourceOf(
  where: string,
  classes: readonly string[] | undefined,
  notes: string[],
): Promise<Source | null> {
  try {
    return await openSplit(where, "val", classes === undefined ? {} : { classes, subset: true });
  } catch (error) {
    if (!(error instanceof FixresError)) throw error;
    notes.push(`pictures are not shown: ${error.message}`);
    return null;
  }
}

/** Its preprocessing by the flat names that commands record it under; null where some of it is missing. */
function preprocessingOf({ settings }: RunRecord): TestPreprocessing | null {
  const prefix = ["preprocessing", "test", "candidate.preprocessing"].find((name) => `${name}.cropRatio` in settings);
  if (prefix === undefined) return null;
  const of = (name: string): Setting | undefined => settings[`${prefix}.${name}`];
  const [resolution, cropRatio] = [of("resolution") ?? 224, of("cropRatio")];
  const interpolation = FILTERS.find((filter) => filter === of("interpolation"));
  const [cropMode, transform] = [
    CROP_MODES.find((mode) => mode === of("cropMode")) ?? "center",
    TRANSFORMS.find((one) => one === of("transform")) ?? "standard",
  ];
  if (typeof resolution !== "number" || typeof cropRatio !== "number" || interpolation === undefined) return null;
  return {
    ...{ resolution, cropRatio, interpolation, cropMode, transform },
    exifOrientation: of("exifOrientation") === true,
  };
}

/** The test resolutions of a run, smaller first, at most a dozen. */
function resolutionsOf({ settings }: RunRecord, preprocessing: TestPreprocessing | null): number[] {
  const { resolutions } = settings;
  const several = Array.isArray(resolutions) ? resolutions.filter((one) => typeof one === "number") : [];
  const all = several.length > 0 ? several : preprocessing === null ? [] : [preprocessing.resolution];
  return [...new Set(all)].sort((a, b) => a - b).slice(0, 12);
}
