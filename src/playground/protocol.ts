import type { TestPreprocessing } from "../pixels/index.js";
import type { LabelledPicture, ResolutionRow, WebTuneEvent, WebTuneOptions } from "../web/tune.js";

/** The two models that are compared. */
export type Slot = "base" | "fixed";

/** What the page shows of a model. */
export interface ModelCard {
  readonly name: string;
  readonly classes: readonly string[];
  readonly preprocessing: TestPreprocessing;
  /** Side of the crops that it was trained with, px. */
  readonly trainResolution: number;
  /** Share of the picture's area that the smallest of those crops took; torchvision's where nobody knows. */
  readonly smallestCrop: number;
  /** The only test resolution that its file can be run at, px; null where any can. */
  readonly only: number | null;
}

/** What a model makes of a crop. */
export interface Looked {
  readonly resolution: number;
  /** By softmax, [classes]. */
  readonly probabilities: Float32Array;
  /** The class whose activation is shown. */
  readonly shown: number;
  readonly activation: Activation | null;
}

/** Where a class's evidence lies: its map, [height, width], as shares of the map's largest magnitude, -1 to 1. */
export interface Activation {
  readonly values: Float32Array;
  readonly width: number;
  readonly height: number;
}

export interface LookRequest {
  readonly slot: Slot;
  readonly resolution: number;
  /** uint8 [R, R, 3] */
  readonly pixels: Uint8Array;
  /** Class whose activation is wanted; the likeliest one where null. */
  readonly shown: number | null;
}

export interface FixRequest {
  readonly pictures: readonly LabelledPicture[];
  readonly options: Pick<WebTuneOptions, "mode" | "resolution" | "epochs" | "baseLearningRate">;
  /** Test resolutions at which both models are measured afterwards, px. */
  readonly resolutions: readonly number[];
}

export type FixEvent = WebTuneEvent | { readonly kind: "row"; readonly slot: Slot; readonly row: ResolutionRow };

export interface Fixed {
  readonly card: ModelCard;
  /** The tuned model as ONNX. */
  readonly file: Uint8Array<ArrayBuffer>;
  readonly heldOut: number;
  readonly trained: number;
  readonly seconds: number;
}

/** What the page may ask of its worker: each call's argument and result. */
export interface Calls {
  readonly shipped: [bytes: Uint8Array<ArrayBuffer>, Readonly<Record<Slot, ModelCard>>];
  readonly load: [{ readonly slot: Slot; readonly bytes: Uint8Array<ArrayBuffer>; readonly name: string }, ModelCard];
  readonly look: [LookRequest, Looked];
  readonly fix: [FixRequest, Fixed];
}
export type CallName = keyof Calls;

export type ToWorker =
  | { readonly kind: "start"; readonly wasm: string }
  | { readonly kind: "abort"; readonly id: number }
  | { readonly kind: "call"; readonly id: number; readonly name: CallName; readonly argument: unknown };

export type FromWorker =
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly name: string; readonly message: string }
  | { readonly kind: "event"; readonly id: number; readonly event: FixEvent };
