import type { TestPreprocessing } from "../data/index.js";
import { assertFilter } from "../data/index.js";
import { RequestError } from "../errors.js";
import type { InputSpec } from "../models/index.js";

/** What the name of the authors' transform stands for, unless an option says otherwise. */
const OFFICIAL = { cropRatio: 224 / 256, interpolation: "bilinear", cropMode: "center" } as const;

/**
 * The preprocessing that a test uses: each part from the options, else from the model. The transform `fixres-official`, where it
 * is an option, brings the authors' crop ratio and interpolation.
 * @throws {RequestError} for a resolution, crop ratio or interpolation that cannot be
 */
export function testPreprocessing(input: InputSpec, options: Partial<TestPreprocessing> = {}): TestPreprocessing {
  const official = options.transform === "fixres-official" && input.transform !== "fixres-official" ? OFFICIAL : {};
  const found = {
    ...input,
    transform: input.transform ?? "standard",
    exifOrientation: input.exifOrientation ?? false,
    ...official,
    ...defined(options),
  };
  const { resolution, cropRatio, interpolation, cropMode, transform, exifOrientation, mean } = found;
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
  const own = { resolution, cropRatio, interpolation, cropMode, transform, exifOrientation };
  return cropMode === "border" ? { ...own, mean } : own;
}

const defined = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;

/** The preprocessing as a user reads it at the start of a run. */
export function describePreprocessing(
  { resolution, cropRatio, interpolation, cropMode, transform = "standard", exifOrientation }: TestPreprocessing,
  { mean, std }: Pick<InputSpec, "mean" | "std">,
): string {
  const unusual = `${transform === "standard" ? "" : `, ${transform}`}${exifOrientation ? ", turned by EXIF" : ""}`;
  return `resolution ${resolution}, crop ratio ${Number(cropRatio.toFixed(4))}, ${interpolation}, ${cropMode}${unusual}; mean ${mean.join(" ")}, std ${std.join(" ")}`;
}
