import { CROP_SCALE, pictureSizes, type Size, type Source, type TestPreprocessing } from "../../data/index.js";
import { apparentSizes, type Spread } from "../../fixres/index.js";

/** How large objects look in training and in tests. */
export interface ObjectSizes {
  /** Whose sizes were read. */
  readonly pictures: number;
  readonly train: { readonly resolution: number; readonly magnification: Spread };
  readonly tests: readonly { readonly resolution: number; readonly magnification: Spread; readonly ratio: Spread }[];
  /** At which objects look as large as in training, px. */
  readonly sameSize: number;
}

/** Pictures whose sizes are read; the mean hardly moves with more. */
const READ = 500;

interface About {
  /** Side of training crops, px. */
  readonly trainResolution: number;
  /** Least share of the area that a training crop took, where it is known. */
  readonly minCropArea: number | undefined;
  readonly preprocessing: TestPreprocessing;
  readonly resolutions: readonly number[];
}

/** By the sizes of some of a source's pictures; null where none can be read. */
export async function objectSizesOf(source: Source, about: About): Promise<ObjectSizes | null> {
  const { trainResolution, minCropArea = CROP_SCALE[0], preprocessing, resolutions } = about;
  const step = Math.max(1, Math.ceil(source.samples.length / READ));
  const chosen = Array.from({ length: Math.ceil(source.samples.length / step) }, (_, i) => i * step);
  const samples = chosen.map((index) => source.samples[index]!);
  const read = source.read === undefined ? {} : { read: (i: number) => source.read!(chosen[i]!) };
  const sizes: Size[] = [];
  for await (const size of pictureSizes({ ...source, ...read, samples }, preprocessing))
    if (!(size instanceof Error)) sizes.push(size);
  if (sizes.length === 0) return null;
  const apparent = apparentSizes(sizes, { resolution: trainResolution, scale: [minCropArea, CROP_SCALE[1]] }, 0);
  return {
    pictures: sizes.length,
    train: { resolution: trainResolution, magnification: apparent.train },
    tests: resolutions.map((resolution) => ({ resolution, ...apparent.test({ ...preprocessing, resolution }) })),
    sameSize: apparent.sameSize(preprocessing),
  };
}
