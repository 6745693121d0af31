import type { FeatureBatch } from "../fixres/pure.js";
import type { TypedArray } from "../onnx/index.js";
import { type TestPreprocessing, testTransform } from "../pixels/index.js";
import type { Session } from "../runtime/pure.js";
import { type PictureSource, readPicture } from "./picture.js";

/** A picture, and the class that it shows. */
export interface LabelledPicture {
  readonly source: PictureSource;
  readonly class: string;
}

/** What reading pictures depends on, and who is told. */
export interface ReadOptions {
  /** Most pixels of a picture. */
  readonly maxPixels: number;
  readonly signal?: AbortSignal;
  /** Called after each picture. */
  readonly onPicture?: (done: number, total: number) => void;
}

/** Lets the page paint, and answer who uses it. */
export const breathe = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/**
 * The bytes that a network takes of pictures, at each of some resolutions; a picture is decoded once.
 * @returns for each preprocessing, uint8 [pictures, R, R, 3]
 * @throws {DataError} where a picture cannot be read
 */
export async function cropsOf(
  pictures: readonly Pick<LabelledPicture, "source">[],
  preprocessings: readonly TestPreprocessing[],
  { maxPixels, signal, onPicture }: ReadOptions,
): Promise<Uint8Array[]> {
  const transforms = preprocessings.map(testTransform);
  const crops = transforms.map(({ resolution }) => new Uint8Array(pictures.length * resolution ** 2 * 3));
  for (const [i, { source }] of pictures.entries()) {
    signal?.throwIfAborted();
    const picture = await readPicture(source, maxPixels, preprocessings[0]?.exifOrientation === true);
    for (const [k, { apply, resolution }] of transforms.entries()) apply(picture, crops[k]!, i * resolution ** 2 * 3);
    onPicture?.(i + 1, pictures.length);
    await breathe();
  }
  return crops;
}

/**
 * What a graph gives of crops, batch by batch: of every output, a row a picture.
 * @param session - takes `pixels` [batch, R, R, 3]  @param crops - uint8 [pictures, R, R, 3]
 * @returns by name [pictures, ...]
 */
export async function computed(
  session: Session,
  crops: Uint8Array,
  pictures: number,
  signal?: AbortSignal,
): Promise<Record<string, TypedArray>> {
  const [batch] = session.inputs.pixels as readonly [number];
  const row = crops.length / pictures;
  const found: Record<string, TypedArray> = {};
  for (let first = 0; first < pictures; first += batch) {
    signal?.throwIfAborted();
    const pixels = new Uint8Array(batch * row);
    pixels.set(crops.subarray(first * row, (first + batch) * row));
    for (const [name, values] of Object.entries(await session.run({ pixels }))) {
      const each = values.length / batch;
      found[name] ??= new (values.constructor as Float32ArrayConstructor)(pictures * each);
      const count = Math.min(batch, pictures - first);
      (found[name] as Float32Array).set(values.subarray(0, count * each) as Float32Array, first * each);
    }
    await breathe();
  }
  return found;
}

/** Features of pictures, in memory. @param held - by name [pictures, ...]  @param labels - [pictures] */
export async function* batchesOf(
  held: Readonly<Record<string, TypedArray>>,
  labels: Int32Array,
  order: Int32Array,
  {
    batchSize,
    partial,
    signal,
  }: { readonly batchSize: number; readonly partial: boolean; readonly signal?: AbortSignal },
): AsyncGenerator<FeatureBatch> {
  const end = partial ? order.length : order.length - (order.length % batchSize);
  for (let first = 0; first < end; first += batchSize) {
    signal?.throwIfAborted();
    const samples = order.subarray(first, first + batchSize);
    const features: Record<string, TypedArray> = {};
    for (const [name, values] of Object.entries(held)) {
      const each = values.length / labels.length;
      const rows = new (values.constructor as Float32ArrayConstructor)(batchSize * each);
      for (const [i, sample] of samples.entries())
        rows.set(values.subarray(sample * each, (sample + 1) * each) as Float32Array, i * each);
      features[name] = rows;
    }
    const own = new Int32Array(batchSize);
    own.set(samples.map((sample) => labels[sample]!));
    yield { features, labels: own, samples, count: samples.length };
  }
}
