import { RequestError } from "../errors.js";
import {
  assertErasing,
  assertFilter,
  assertJitter,
  assertResolution,
  augment,
  augmentation,
  type Box,
  type Color,
  drawJitter,
  type ErasingOptions,
  eraseRandomly,
  type Filter,
  type JitterRanges,
  jitterColors,
  type Normalization,
  type Picture,
  resizeInto,
  roundHalfEven,
  type Size,
  type Transform,
} from "../pixels/index.js";
import type { Random } from "../random.js";

type Range = readonly [number, number];

/** Share of a picture's area that a training crop takes, and its width over height: torchvision's defaults. */
export const CROP_SCALE: Range = [0.08, 1];
export const CROP_RATIO: Range = [3 / 4, 4 / 3];

export interface TrainTransformOptions {
  /** Side of the square, px. */
  readonly resolution: number;
  /** One of `FILTERS`, or `random`: bilinear or bicubic, drawn for each picture and each turn of it, as timm has it unless told. */
  readonly interpolation: string;
  /** Share of the picture's area that a crop takes; 0.08 to 1 unless given. */
  readonly scale?: Range;
  /** Width over height of a crop; 3/4 to 4/3 unless given. */
  readonly ratio?: Range;
  /** Probability of mirroring; 0.5 unless given. */
  readonly flip?: number;
  /** An augmentation by its name, such as `rand-m9-n2-mstd0.5` (`augmentation` lists them); none unless given. */
  readonly augment?: string;
  /** A colour jitter of the crop; none unless given. timm leaves it out where there is an augmentation; here it comes after that. */
  readonly colorJitter?: JitterRanges;
  /** Random erasing, last of all; none unless given. */
  readonly erasing?: ErasingOptions;
  /** The model's, for what is outside of a turned picture and for erasing; ImageNet's unless given. */
  readonly normalization?: Normalization;
  /** Whether pictures are turned as their EXIF block says, before all else; false unless given. */
  readonly exifOrientation?: boolean;
}

/** Mean and standard deviation of ImageNet's channels, of bytes divided by 255. */
const IMAGENET: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * torchvision's `RandomResizedCrop` and `RandomHorizontalFlip`: a crop of random area and aspect ratio at a random
 * place (arXiv 1409.4842, section 6), resized to the resolution. It makes objects look larger than a test does, which
 * FixRes repairs. What else is asked for follows in timm's order: augmentation, colour jitter, erasing.
 * @throws {RequestError} for a resolution, interpolation, range, probability, augmentation or erasing that cannot be
 */
export function trainTransform(options: TrainTransformOptions): Transform {
  const { resolution, scale = CROP_SCALE, ratio = CROP_RATIO, flip = 0.5, exifOrientation = false } = options;
  assertResolution(resolution);
  const filterOf = interpolationOf(options);
  assertRange("scale", scale, 1);
  assertRange("aspect ratio", ratio, Number.MAX_VALUE);
  if (!(flip >= 0 && flip <= 1)) throw new RequestError(`the flip probability is ${flip}; give one from 0 to 1.`);
  const change = changeOf(options);
  return {
    resolution,
    deterministic: false,
    exifOrientation,
    apply(picture, out, offset, random) {
      const box = randomCrop(picture, scale, ratio, random);
      const mirror = random.uniform() < flip;
      const request = { width: resolution, height: resolution, filter: filterOf(random), box, mirror };
      resizeInto(picture, request, out, offset);
      const data = out.subarray(offset, offset + resolution ** 2 * 3);
      change({ width: resolution, height: resolution, data }, random);
    },
  };
}

/** The filter of each crop. */
function interpolationOf({ interpolation }: TrainTransformOptions): (random: Random) => Filter {
  if (interpolation === "random") return (random) => (["bilinear", "bicubic"] as const)[random.integer(2)]!;
  assertFilter(interpolation);
  return () => interpolation;
}

/** What becomes of the crop. */
function changeOf(options: TrainTransformOptions): (picture: Picture, random: Random) => void {
  const { augment: name, colorJitter, erasing, normalization = IMAGENET } = options;
  const draw =
    name === undefined ? () => [] : augmentation(name, { fill: meanColor(normalization), ...turning(options) });
  if (colorJitter) assertJitter(colorJitter);
  if (erasing) assertErasing(erasing);
  return (picture, random) => {
    augment(picture, draw(random));
    if (colorJitter) jitterColors(picture.data, drawJitter(colorJitter, random));
    if (erasing) eraseRandomly(picture, erasing, normalization, random);
  };
}

const meanColor = ({ mean }: Normalization): Color => {
  const [red, green, blue] = mean.map((share) => Math.min(255, roundHalfEven(255 * share)));
  return [red!, green!, blue!];
};

function turning({ augment, interpolation }: TrainTransformOptions) {
  if (interpolation !== "bilinear" && interpolation !== "bicubic" && interpolation !== "random") {
    throw new RequestError(
      `augmentation "${augment}" turns pictures with bilinear, bicubic or random interpolation, not with "${interpolation}".`,
    );
  }
  return { interpolation } as const;
}

function assertRange(what: string, [low, high]: Range, most: number): void {
  if (!(low > 0 && low <= high && high <= most)) {
    throw new RequestError(
      `the ${what} of a crop is ${low} to ${high}; give two numbers above 0${most === 1 ? " and up to 1" : ""}, the smaller first.`,
    );
  }
}

/** Ten tries, then the middle of the picture, cut to the nearest allowed aspect ratio. */
export function randomCrop({ width, height }: Size, scale: Range, ratio: Range, random: Random): Box {
  const between = ([low, high]: Range): number => low + (high - low) * random.uniform();
  const logRatio = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * between(scale);
    const aspect = Math.exp(between(logRatio));
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      return { left: random.integer(width - w + 1), top: random.integer(height - h + 1), width: w, height: h };
    }
  }
  const own = width / height;
  const w = own > ratio[1] ? Math.max(1, roundHalfEven(height * ratio[1])) : width;
  const h = own < ratio[0] ? Math.max(1, roundHalfEven(width / ratio[0])) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}
