import type { TestPreprocessing } from "../data/index.js";
import { assertFilter } from "../data/index.js";
import { RequestError } from "../errors.js";
import type { InputSpec } from "../models/index.js";

/**
 * The preprocessing that a test uses: each part from the options, else from the model.
 * @throws {RequestError} for a resolution, crop ratio or interpolation that cannot be
 */
export function testPreprocessing(input: InputSpec, options: Partial<TestPreprocessing> = {}): TestPreprocessing {
  const { resolution, cropRatio, interpolation, cropMode } = { ...input, ...defined(options) };
  assertFilter(interpolation);
  if (!(Number.isInteger(resolution) && resolution >= 16 && resolution <= 4096)) {
    throw new RequestError(
      `the resolution is ${resolution}; give whole pixels from 16 to 4096, such as ${input.resolution}.`,
    );
  }
  if (!(cropRatio > 0 && cropRatio <= 2)) {
    throw new RequestError(
      `the crop ratio is ${cropRatio}; it must be above 0 and at most 2, such as 0.875 (224/256).`,
    );
  }
  return { resolution, cropRatio, interpolation, cropMode };
}

const defined = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;

/** The preprocessing as a user reads it at the start of a run. */
export function describePreprocessing(
  { resolution, cropRatio, interpolation, cropMode }: TestPreprocessing,
  { mean, std }: Pick<InputSpec, "mean" | "std">,
): string {
  return `resolution ${resolution}, crop ratio ${Number(cropRatio.toFixed(4))}, ${interpolation}, ${cropMode}; mean ${mean.join(" ")}, std ${std.join(" ")}`;
}
