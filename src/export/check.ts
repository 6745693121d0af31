import { loadBatches, readPicture, type Source, testTransform } from "../data/index.js";
import { FailedError } from "../errors.js";
import { type Accuracy, type PairedGain, pairedGain, scoreLogits, tally } from "../evaluate/index.js";
import { inferenceProgram, type Model } from "../models/index.js";
import type { TestPreprocessing } from "../pixels/index.js";
import { type Progress, silent } from "../progress.js";
import { random } from "../random.js";
import { openSession, type Session, type SessionOptions } from "../runtime/index.js";
import type { ExportOptions, Precision } from "./file.js";

export interface CheckOptions extends ExportOptions, Pick<SessionOptions, "threads"> {
  /** Pictures that file and model are compared on; pictures of noise unless given. */
  readonly source?: Source;
  /** How much of top-1 an `int8` file may lose, as a fraction; 0.01 unless given. */
  readonly maxDrop?: number;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** How near an export is to its model. */
export interface ExportCheck {
  /** Largest difference of their logits, in parts of the largest logit. */
  readonly difference: number;
  /** Share of pictures for which both have the same class first. */
  readonly agreement: number;
  readonly pictures: number;
  /** Over labelled pictures: the model's accuracy, the file's, and what that loses. */
  readonly accuracy?: { readonly model: Accuracy; readonly file: Accuracy } & PairedGain;
}

/** Largest differences that are no more than rounding: of the precision, and of ONNX's resizing against Pillow's. */
const TOLERANCE: Readonly<Record<Precision, number>> = { float32: 1e-4, float16: 3e-2, int8: Infinity };
const RESIZE_TOLERANCE = 0.1;

/** Pictures of noise where no others are given. */
const NOISE_PICTURES = 2;

/**
 * Compares an export with its model, on real pictures where there are some.
 * @throws {FailedError} where it differs by more than its precision explains, or loses more accuracy than it may
 */
export async function checkExport(file: Uint8Array, model: Model, options: CheckOptions = {}): Promise<ExportCheck> {
  const { resolution = model.input.resolution, precision = "float32", withResize = false, maxDrop = 0.01 } = options;
  const compared = new Comparison(model.classes.length);
  const preprocessing = { ...model.input, resolution };
  const batch = options.batch ?? 1;
  const threads = { threads: options.threads };
  const sessions = await Promise.all([
    openSession(inferenceProgram(model, { resolution, batch }), threads),
    openSession({ model: file }, threads),
  ]);
  try {
    if (withResize) await compareOnWhole(sessions, compared, preprocessing, options);
    else if (options.source === undefined) await compareOnNoise(sessions, compared, { resolution, batch });
    else await compareOnCrops(sessions, compared, options.source, preprocessing, batch, options);
  } finally {
    for (const session of sessions) await session.dispose();
  }
  const found = compared.result(precision === "int8" && options.source !== undefined);
  const allowed = Math.max(TOLERANCE[precision], withResize ? RESIZE_TOLERANCE : 0);
  if (found.difference > allowed) {
    throw new FailedError(
      `the export's logits differ from the model's by ${found.difference.toPrecision(2)} of the largest one; it was not written.`,
    );
  }
  if (precision === "int8" && found.accuracy !== undefined && -found.accuracy.gain > maxDrop) {
    const { model: before, file: after, gain } = found.accuracy;
    const percent = (share: number): string => `${(100 * share).toFixed(2)}%`;
    throw new FailedError(
      `in 8 bits top-1 falls from ${percent(before.top1)} to ${percent(after.top1)} over ${before.n} pictures, by ${percent(-gain)} where ${percent(maxDrop)} is allowed (--max-drop); it was not written. Try more calibration pictures, or --float16.`,
    );
  }
  return found;
}

type Sessions = readonly [model: Session, file: Session];

/** Logits of model and file side by side. */
class Comparison {
  private largest = 0;
  private differs = 0;
  private same = 0;
  private pictures = 0;
  private readonly tallies = [tally(), tally()] as const;

  constructor(private readonly classes: number) {}

  add(model: Float32Array, file: Float32Array, count: number, labels?: Int32Array): void {
    for (let i = 0; i < count * this.classes; i++) {
      this.largest = Math.max(this.largest, Math.abs(model[i]!));
      this.differs = Math.max(this.differs, Math.abs(model[i]! - file[i]!));
    }
    const scored = [model, file].map((logits) =>
      scoreLogits(logits, labels ?? new Int32Array(count), count, this.classes),
    );
    for (let i = 0; i < count; i++) if (scored[0]!.prediction[i] === scored[1]!.prediction[i]) this.same++;
    for (const [i, sums] of this.tallies.entries()) sums.add(scored[i]!);
    this.pictures += count;
  }

  result(labelled: boolean): ExportCheck {
    const [model, file] = this.tallies;
    return {
      difference: this.differs / Math.max(1, this.largest),
      agreement: this.same / this.pictures,
      pictures: this.pictures,
      ...(labelled
        ? {
            accuracy: {
              model: model.result(),
              file: file.result(),
              ...pairedGain(model.correct(), file.correct()),
            },
          }
        : {}),
    };
  }
}

const logitsOf = async (session: Session, pixels: Uint8Array, shape?: readonly number[]): Promise<Float32Array> =>
  (await session.run({ pixels }, shape && { pixels: shape })).logits as Float32Array;

/** Noise from light to dark, [pictures, height, width, 3]. */
function noise(width: number, height: number, pictures = 1): Uint8Array {
  const stream = random(0, "export");
  return Uint8Array.from({ length: pictures * height * width * 3 }, (_, i) =>
    Math.min(255, stream.integer(256) * (0.5 + (i % width) / width)),
  );
}

async function compareOnNoise(
  [model, file]: Sessions,
  compared: Comparison,
  { resolution, batch }: { resolution: number; batch: number },
): Promise<void> {
  const all = noise(resolution, resolution, NOISE_PICTURES * batch);
  const length = batch * resolution ** 2 * 3;
  for (let i = 0; i < NOISE_PICTURES; i++) {
    const pixels = all.slice(i * length, (i + 1) * length);
    compared.add(await logitsOf(model, pixels), await logitsOf(file, pixels), batch);
  }
}

/** On pictures as both take them: resized and cropped. */
async function compareOnCrops(
  [model, file]: Sessions,
  compared: Comparison,
  source: Source,
  preprocessing: TestPreprocessing,
  batchSize: number,
  { signal, progress = silent }: CheckOptions,
): Promise<void> {
  const shown = progress.start("compare", source.samples.length, "pictures");
  try {
    const order = { seed: 0, epoch: 0, shuffle: false };
    const transform = testTransform(preprocessing);
    for await (const batch of loadBatches(source, { transform, batchSize, ...order, onBadImage: "skip", signal })) {
      const [ours, theirs] = await Promise.all([logitsOf(model, batch.pixels), logitsOf(file, batch.pixels)]);
      if (batch.count > 0) compared.add(ours, theirs, batch.count, batch.labels);
      shown.advance(batch.count + batch.bad.length);
    }
  } finally {
    shown.end();
  }
}

/** On pictures as they are decoded, which the file resizes itself; without a source on noise, upright and lying. */
async function compareOnWhole(
  [model, file]: Sessions,
  compared: Comparison,
  preprocessing: TestPreprocessing,
  { source, signal, progress = silent }: CheckOptions,
): Promise<void> {
  const { resolution, exifOrientation } = preprocessing;
  const [short, long] = [Math.ceil(1.3 * resolution), Math.ceil(1.7 * resolution)];
  const pictures =
    (source &&
      Array.from(source.samples, ({ label }, i) => ({
        label,
        decode: () => readPicture(source, i, { exifOrientation }),
      }))) ??
    [
      { width: short, height: long },
      { width: long, height: short },
    ].map((size) => ({ label: 0, decode: async () => ({ ...size, data: noise(size.width, size.height) }) }));
  const shown = progress.start("compare", pictures.length, "pictures");
  const transform = testTransform(preprocessing);
  try {
    for (const { label, decode } of pictures) {
      signal?.throwIfAborted();
      const picture = await decode();
      const pixels = new Uint8Array(resolution ** 2 * 3);
      transform.apply(picture, pixels, 0);
      const { data, width, height } = picture;
      const [ours, theirs] = await Promise.all([logitsOf(model, pixels), logitsOf(file, data, [1, height, width, 3])]);
      compared.add(ours, theirs, 1, Int32Array.of(label));
      shown.advance(1);
    }
  } finally {
    shown.end();
  }
}
