import { RequestError } from "../errors.js";

/** Hardware that a session can run on: ONNX Runtime's execution providers by the name that users know. */
export const DEVICES = ["cpu", "webgpu", "cuda", "dml", "coreml"] as const;
export type Device = (typeof DEVICES)[number];

export interface SessionOptions {
  /** Where the graph runs; `cpu` unless given. */
  readonly device?: Device;
  /** Threads within an operator, 1 to 1024; by default one for each physical core. */
  readonly threads?: number;
  /** Prefix of a file in which ONNX Runtime writes the time of every node when the session is disposed. */
  readonly profilePrefix?: string;
  /** False keeps the graph as written, for looking at it; true unless given. */
  readonly optimize?: boolean;
}

/** More than any machine has use for; the engine starts as many as it is told, and may not come back from too many. */
const MOST_THREADS = 1024;

/** Checks options from outside. @throws {RequestError} naming the value and what is allowed */
export function checkSessionOptions({ device = "cpu", threads }: SessionOptions): void {
  if (!DEVICES.includes(device))
    throw new RequestError(`device "${device}" is unknown; choose one of ${DEVICES.join(", ")}.`);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) {
    throw new RequestError(
      `threads is ${threads}; give a whole number from 1 to ${MOST_THREADS}, or leave it out for one a core.`,
    );
  }
}
