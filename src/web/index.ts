/**
 * The classifier that `fixres export` wrote, in a browser. In: its file, and a picture as browsers have them. Out: the likeliest
 * classes, from the pixels that Node would have computed. ONNX Runtime's web build is the engine, a peer dependency; nothing else
 * is loaded. Protocol Buffers' wire format: https://protobuf.dev/programming-guides/encoding.
 *
 * @module
 */
export type { Guess } from "../classifier.js";
export { DataError, FailedError, FixresError, RequestError } from "../errors.js";
export type { TestPreprocessing } from "../pixels/index.js";
export { type Classifier, type ClassifyOptions, type LoadOptions, loadClassifier } from "./classifier.js";
export type { WebDevice, WebSessionOptions } from "./engine.js";
export type { PictureSource } from "./picture.js";
