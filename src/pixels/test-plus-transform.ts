import { RequestError } from "../errors.js";
import type { Random } from "../random.js";
import { assertJitter, drawJitter, type JitterRanges, jitterColors } from "./color-jitter.js";
import type { Picture } from "./picture.js";
import { type Resampling, resizeInto } from "./resample.js";
import { centre, type Stretch, type TestPreprocessing, testGeometry } from "./test-transform.js";
import type { Transform } from "./transform.js";

/** What `test+` adds to the test's preprocessing. */
export interface TestPlusOptions {
  /** Probability of mirroring; 0.5 unless given. */
  readonly flip?: number;
  /** 0.05 of brightness, contrast and saturation, and no hue, unless given. */
  readonly jitter?: JitterRanges;
}

/** A picture is jittered whole up to so many pixels once resized; of a longer strip only the crop is. */
const MOST_PIXELS = 1 << 25;

/**
 * The transform of the FixRes authors' second recipe, for tuning: the test's resize, then at random a mirror image, a colour
 * jitter of the whole resized picture, and the test's crop shifted along the width: by 0 to half of what the crop leaves free,
 * to the left or to the right. The height stays in the middle. Each picture is a function of its stream.
 * @throws {RequestError} as `testTransform` does, and for a probability or a range of jitter that cannot be
 */
export function testPlusTransform(preprocessing: TestPreprocessing, options: TestPlusOptions = {}): Transform {
  const { flip = 0.5, jitter = { brightness: 0.05, contrast: 0.05, saturation: 0.05 } } = options;
  const { resolution, interpolation, exifOrientation, sizeOf, marginOf, surround } = testGeometry(preprocessing);
  if (!(flip >= 0 && flip <= 1)) throw new RequestError(`the flip probability is ${flip}; give one from 0 to 1.`);
  assertJitter(jitter);
  return {
    resolution,
    deterministic: false,
    exifOrientation,
    apply(picture, out, offset, random) {
      const mirror = random.uniform() < flip;
      const steps = drawJitter(jitter, random);
      const { width, height } = sizeOf(picture);
      const down = centre(height, resolution, marginOf);
      const across = shifted(centre(width, resolution, marginOf), width, random);

      const size = { width, height, filter: interpolation, mirror };
      const crop = { left: across.start, top: down.start, width: across.length, height: down.length };
      const corner = surround(across, down, out, offset);
      if (width * height <= MOST_PIXELS) {
        const whole = resized(picture, size);
        jitterColors(whole.data, steps);
        const same = { width, height, filter: interpolation, crop };
        resizeInto(whole, same, out, corner, resolution * 3);
      } else {
        // What is mirrored after the crop lay on the other side before.
        const left = mirror ? width - across.start - across.length : across.start;
        const part = resized(picture, { ...size, crop: { ...crop, left } });
        jitterColors(part.data, steps);
        resizeInto(
          part,
          { width: crop.width, height: crop.height, filter: interpolation },
          out,
          corner,
          resolution * 3,
        );
      }
    },
  };
}

function resized(picture: Picture, request: Resampling): Picture {
  const { width, height } = request.crop ?? request;
  const data = new Uint8Array(width * height * 3);
  resizeInto(picture, request, data, 0);
  return { width, height, data };
}

/**
 * A crop in the middle of the width, somewhere else. Python's round may put the middle half a pixel to the right, where the
 * authors' longest shift ends outside of the picture; here it ends at its edge.
 */
function shifted(middle: Stretch, width: number, random: Random): Stretch {
  const shift = random.integer(middle.start + 1);
  const start = middle.start + (random.integer(2) === 0 ? shift : -shift);
  return { ...middle, start: Math.min(start, width - middle.length) };
}
