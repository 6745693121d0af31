import type { InferenceSession } from "onnxruntime-web/wasm";
import { DataError, FailedError, RequestError, reason } from "../errors.js";

/** Where a browser can compute: ONNX Runtime's execution providers by their names. */
export const WEB_DEVICES = ["wasm", "webgpu"] as const;
export type WebDevice = (typeof WEB_DEVICES)[number];

export interface WebSessionOptions {
  /** `wasm` unless given: on the processor, everywhere. `webgpu` needs a browser and a GPU that have it. */
  readonly device?: WebDevice;
  /**
   * Where ONNX Runtime's .wasm files lie: the address of their folder, ending in a slash, or of each file. By default beside its
   * script, which is where bundlers put them. The first model of a page decides.
   */
  readonly wasmPaths?: string | { readonly wasm?: string | URL; readonly mjs?: string | URL };
  /**
   * Threads on `wasm`. By default ONNX Runtime's choice, up to 4; 1 on a page without cross-origin isolation. The first model of a
   * page decides.
   */
  readonly threads?: number;
}

/** A session of ONNX Runtime's, opened. */
export interface WebSession {
  /** Shape of the one input; a text stands for a free dimension. */
  readonly shape: readonly (number | string)[];
  /** @param pixels - uint8 of shape `dims`  @returns the one output, float32 */
  run(pixels: Uint8Array, dims: readonly number[]): Promise<Float32Array>;
  dispose(): Promise<void>;
}

// Each engine has a build of its own, and a page downloads only what it uses.
const BUILDS = {
  wasm: () => import("onnxruntime-web/wasm"),
  webgpu: () => import("onnxruntime-web/webgpu"),
} as const;

/**
 * ONNX Runtime's build for a device.
 * @throws {RequestError} where an option or the device cannot be
 */
async function buildFor({ device = "wasm", wasmPaths, threads }: WebSessionOptions) {
  if (!WEB_DEVICES.includes(device))
    throw new RequestError(`device "${device}" is unknown; choose one of ${WEB_DEVICES.join(", ")}.`);
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1))
    throw new RequestError(`threads is ${threads}; give a whole number of 1 or more, or leave it out.`);
  if (device === "webgpu") await checkGpu();
  const { env, InferenceSession: Session, Tensor } = await BUILDS[device]();
  if (wasmPaths !== undefined) env.wasm.wasmPaths = wasmPaths;
  if (threads !== undefined) env.wasm.numThreads = threads;
  return { device, Session, Tensor };
}

/**
 * Opens a graph with its weights.
 * @param name - what messages call it  @param more - further options of ONNX Runtime's
 * @throws {RequestError} where an option or the device cannot be
 * @throws {FailedError} where ONNX Runtime cannot open it
 */
export async function openEngine(
  model: Uint8Array,
  name: string,
  options: WebSessionOptions,
  more: InferenceSession.SessionOptions = {},
) {
  const { device, Session, Tensor } = await buildFor(options);
  const session = await inTurn(() => Session.create(model, { ...more, executionProviders: [device] })).catch(
    (error) => {
      // Its own words name neither file nor cure.
      const hint = reason(error).includes("no available backend") ? " Are its .wasm files where wasmPaths says?" : "";
      throw new FailedError(`ONNX Runtime could not open model "${name}" on ${device}: ${reason(error)}.${hint}`);
    },
  );
  return { session, Tensor };
}

/**
 * Opens an ONNX file of one uint8 input and one float32 output.
 * @param name - what messages call the file
 * @throws {RequestError} where an option or the device cannot be
 * @throws {DataError} where input or output are not those of an export
 * @throws {FailedError} where ONNX Runtime cannot open it
 */
export async function openWebSession(model: Uint8Array, name: string, options: WebSessionOptions): Promise<WebSession> {
  const { session, Tensor: Pixels } = await openEngine(model, name, options);
  const dispose = (): Promise<void> => inTurn(() => session.release());
  const [input] = session.inputMetadata;
  const [output] = session.outputMetadata;
  if (!(input?.isTensor && input.type === "uint8" && output?.isTensor && output.type === "float32")) {
    await dispose();
    throw new DataError(`model "${name}" does not take bytes and give float32; export it again.`);
  }
  return {
    shape: input.shape,
    run: (pixels, dims) =>
      inTurn(async () => {
        const results = await session.run({ [input.name]: new Pixels("uint8", pixels, dims) });
        return results[output.name]!.data as Float32Array;
      }),
    dispose,
  };
}

async function checkGpu(): Promise<void> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter();
  if (!adapter) throw new RequestError('this browser offers no WebGPU here; take device "wasm".');
}

let last: Promise<unknown> = Promise.resolve();

/** One after the other: ONNX Runtime's WebGPU build cannot begin a call while another one waits for the GPU. */
export function inTurn<T>(call: () => Promise<T>): Promise<T> {
  const turn = last.then(call);
  last = turn.then(
    () => {},
    () => {},
  );
  return turn;
}
