import type { Shape, TypedArray } from "../onnx/index.js";

/** A file that the graph's external data point into, and its bytes. */
export interface ExternalFile {
  readonly path: string;
  readonly data: Uint8Array;
}

/**
 * A model as a session takes it. `carried` names outputs whose value is fed to an input in the next run: parameters,
 * optimizer state, running statistics. They stay with the session and are neither fed nor returned.
 */
export interface Program {
  readonly model: Uint8Array;
  readonly external?: readonly ExternalFile[];
  /** Folder of files that external data point into and that are not in `external`: the engine maps them. */
  readonly folder?: string;
  /** Input name → output name that replaces it after a run. */
  readonly carried?: Readonly<Record<string, string>>;
}

/** Tensors by name; their shapes are the graph's. */
export type Tensors = Readonly<Record<string, TypedArray>>;

/** A graph that is ready to run. One is kept for a graph's whole life, since creating and releasing many leaks (microsoft/onnxruntime#25325). */
export interface Session {
  /** What a run must be fed, without what is carried; -1 is a dimension that the graph leaves open. */
  readonly inputs: Readonly<Record<string, Shape>>;
  /** What a run gives, without what is carried. */
  readonly outputs: Readonly<Record<string, Shape>>;
  /**
   * Runs once.
   * @param feeds - every input of `inputs`
   * @param shapes - of inputs that leave more than one dimension open; a single one follows from the number of elements
   * @param given - inputs whose arrays the caller will not look at again: a session in a thread takes them over, where it copies others
   * @returns every output of `outputs`
   */
  run(feeds: Tensors, shapes?: Readonly<Record<string, Shape>>, given?: readonly string[]): Promise<Tensors>;
  /** Sets carried inputs; each must be set before the first run. */
  setState(state: Tensors): Promise<void>;
  /** A copy of all carried inputs as they stand after the last run. */
  getState(): Promise<Tensors>;
  /** Releases the engine's memory; nothing may be called after it. */
  dispose(): Promise<void>;
}
