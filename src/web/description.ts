import { EXPORT_KEY } from "../classifier.js";
import { DataError, reason } from "../errors.js";
import type { TestPreprocessing } from "../pixels/index.js";
import { readMetadata } from "./metadata.js";

/** What an export says of itself, as far as a browser needs it. */
export interface Description {
  readonly classes: readonly string[];
  /** Its parts are checked where they are used, by `testTransform`. */
  readonly preprocessing: TestPreprocessing;
}

/** What stands in an export's metadata, as far as it has been looked at. */
export interface ExportContent extends Description {
  /** All of it. */
  readonly content: Readonly<Record<string, unknown>>;
}

/**
 * Reads the class names and the preprocessing from an export.
 * @param name - what messages call the file
 * @throws {DataError} where the bytes are no ONNX model, or not one of `fixres export`
 */
export function describe(model: Uint8Array, name: string): Description {
  const text = readMetadata(model, EXPORT_KEY, name);
  if (text === null) {
    throw new DataError(
      `model "${name}" was not exported by fixres (its metadata lack "${EXPORT_KEY}"); other ONNX files cannot be taken.`,
    );
  }
  const { classes, preprocessing } = contentOf(text, name);
  return { classes, preprocessing };
}

/** What metadata say. @param text - JSON, under `EXPORT_KEY`  @throws {DataError} where that is not what `fixres export` writes */
export function contentOf(text: string, name: string): ExportContent {
  const fault = (what: string) => new DataError(`metadata of model "${name}": ${what}; export it again.`);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw fault(`no JSON (${reason(error)})`);
  }
  const { format, classes, input } = record(content);
  if (format !== "fixres-model-1") throw fault(`the format is ${JSON.stringify(format)}, not "fixres-model-1"`);
  if (!(Array.isArray(classes) && classes.length > 0 && classes.every((entry) => typeof entry === "string")))
    throw fault("the classes are no list of names");
  const { resolution, cropRatio, interpolation, cropMode = "center", transform, exifOrientation, mean } = record(input);
  if (typeof resolution !== "number" || typeof cropRatio !== "number" || typeof interpolation !== "string")
    throw fault("the preprocessing (input: resolution, cropRatio, interpolation) is incomplete");
  const parts = { resolution, cropRatio, interpolation, cropMode, transform, exifOrientation, mean };
  const given = Object.entries(parts).filter(
    ([key, value]) => value !== undefined && (key !== "mean" || cropMode === "border"),
  );
  const preprocessing = Object.fromEntries(given) as unknown as TestPreprocessing;
  return { classes, preprocessing, content: record(content) };
}

export const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
