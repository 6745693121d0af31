import { type Guess, likeliest } from "../classifier.js";
import { DataError, RequestError, reason } from "../errors.js";
import {
  type FixedTransform,
  MAX_PIXELS,
  type Picture,
  type TestPreprocessing,
  testTransform,
} from "../pixels/index.js";
import { type Description, describe } from "./description.js";
import { openWebSession, type WebSession, type WebSessionOptions } from "./engine.js";
import { fetchBytes } from "./fetch.js";
import { type PictureSource, readPicture } from "./picture.js";

export interface LoadOptions extends WebSessionOptions {
  /** Most pixels (width times height) of a picture; 178,956,970 unless given, as in Node. */
  readonly maxPixels?: number;
}

export interface ClassifyOptions {
  /** How many classes to give; 5 unless given. */
  readonly count?: number;
}

/** An opened export. Calls may overlap; they are computed one after the other. */
export interface Classifier {
  readonly classes: readonly string[];
  /** What becomes of a picture before the network; null where the file does that itself. */
  readonly preprocessing: TestPreprocessing | null;
  /**
   * The likeliest classes of a picture, best first: what `fixres predict` gives.
   * @throws {DataError} where the picture cannot be read
   */
  classify(source: PictureSource, options?: ClassifyOptions): Promise<Guess[]>;
  /** What the softmax is taken of [classes]. @throws {DataError} where the picture cannot be read */
  logits(source: PictureSource): Promise<Float32Array>;
  /** Gives the memory back, after the calls that are under way. */
  dispose(): Promise<void>;
}

/**
 * Opens a file that `fixres export` wrote.
 * @param source - its address, or its bytes
 * @throws {DataError} where it cannot be fetched, is no ONNX file, or not an export
 * @throws {RequestError} where the device is not there
 * @throws {FailedError} where ONNX Runtime cannot open it
 * @example
 * const model = await loadClassifier("/b0.onnx");
 * const [best] = await model.classify(document.querySelector("img"));
 */
export async function loadClassifier(
  source: string | URL | ArrayBuffer | Uint8Array,
  { maxPixels = MAX_PIXELS, ...options }: LoadOptions = {},
): Promise<Classifier> {
  const name = typeof source === "string" || source instanceof URL ? String(source) : "model";
  const bytes =
    typeof source === "string" || source instanceof URL
      ? await fetchBytes(source, `model "${name}"`)
      : source instanceof Uint8Array
        ? source
        : new Uint8Array(source);
  const description = describe(bytes, name);
  const session = await openWebSession(bytes, name, options);
  try {
    return classifier(session, inputOf(session, description, name), description.classes, maxPixels);
  } catch (error) {
    await session.dispose();
    throw error;
  }
}

/** How a picture becomes the input of the session. */
interface Input {
  readonly preprocessing: TestPreprocessing | null;
  readonly feed: (picture: Picture) => { readonly pixels: Uint8Array; readonly dims: readonly number[] };
}

/** The shape of the input says who resizes: whoever knows the resolution. Of several pictures a run, one is looked at. */
function inputOf({ shape }: WebSession, { preprocessing }: Description, name: string): Input {
  const [batch, height, width, channels] = shape;
  const fault = (what: string) =>
    new DataError(`model "${name}" takes [${shape.join(", ")}], ${what}; export it again.`);
  if (shape.length !== 4 || channels !== 3) throw fault("not pictures [N, H, W, 3]");
  const pictures = typeof batch === "number" ? batch : 1;
  if (typeof height !== "number" && typeof width !== "number") {
    if (pictures !== 1) throw fault("several pictures of any size");
    const feed = ({ data, width, height }: Picture) => ({ pixels: data, dims: [1, height, width, 3] });
    return { preprocessing: null, feed };
  }
  if (typeof height !== "number" || height !== width) throw fault("not squares");
  const own = { ...preprocessing, resolution: height };
  const transform = checked(own, name);
  const dims = [pictures, height, height, 3];
  if (pictures * height * height > MAX_PIXELS) throw fault("more pixels than a picture may have");
  return {
    preprocessing: own,
    feed: (picture) => {
      const pixels = new Uint8Array(pictures * height * height * 3);
      transform.apply(picture, pixels, 0);
      return { pixels, dims };
    },
  };
}

/** What the metadata ask for came from outside, so that a fault in it is the file's. */
function checked(preprocessing: TestPreprocessing, name: string): FixedTransform {
  try {
    return testTransform(preprocessing);
  } catch (error) {
    throw new DataError(`metadata of model "${name}": ${reason(error)}.`);
  }
}

function classifier(session: WebSession, input: Input, classes: readonly string[], maxPixels: number): Classifier {
  let disposed = false;
  const underWay = new Set<Promise<unknown>>();
  const logits = (source: PictureSource): Promise<Float32Array> => {
    const call = compute(source);
    underWay.add(call);
    return call.finally(() => underWay.delete(call));
  };
  const compute = async (source: PictureSource): Promise<Float32Array> => {
    if (disposed) throw new RequestError("the model was disposed of; load it again.");
    const { pixels, dims } = input.feed(
      await readPicture(source, maxPixels, input.preprocessing?.exifOrientation === true),
    );
    const all = await session.run(pixels, dims);
    if (all.length !== dims[0]! * classes.length)
      throw new DataError(
        `the model gives ${all.length / dims[0]!} logits for ${classes.length} classes; export it again.`,
      );
    return all.slice(0, classes.length);
  };
  return {
    classes,
    preprocessing: input.preprocessing,
    logits,
    async classify(source, { count = 5 } = {}) {
      if (!Number.isInteger(count) || count < 1)
        throw new RequestError(`count is ${count}; give a whole number of 1 or more.`);
      return likeliest(await logits(source), classes, count);
    },
    async dispose() {
      if (disposed) return;
      disposed = true;
      await Promise.allSettled(underWay);
      await session.dispose();
    },
  };
}
