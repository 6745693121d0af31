import type { Shape } from "../onnx/index.js";
import { EngineSession, type Program, type Session } from "../runtime/pure.js";
import { inTurn, openEngine, type WebSessionOptions } from "./engine.js";

/**
 * Opens a program in the page as `openSession` does in Node, in the thread that calls.
 * @param name - what messages call it
 * @throws {RequestError} where an option or the device cannot be
 * @throws {FailedError} where ONNX Runtime cannot open it
 */
export async function openProgram(
  { model, external, carried = {} }: Program,
  name: string,
  options: WebSessionOptions,
): Promise<Session> {
  const { session: inner, Tensor } = await openEngine(model, name, options, {
    ...(external === undefined ? {} : { externalData: [...external] }),
    logSeverityLevel: 3,
    // As in Node (runtime/local.ts): denormals are slow, and that pass moves zeros into MaxPool.
    extra: { session: { set_denormal_as_zero: "1" }, optimization: { disable_specified_optimizers: "Pad_Fusion" } },
  });
  const session = new EngineSession({ inner, Tensor, reusesOutputs: false }, carried);
  return {
    inputs: session.inputs,
    outputs: session.outputs,
    run: (feeds, shapes?: Readonly<Record<string, Shape>>) => inTurn(() => session.run(feeds, shapes)),
    setState: (state) => inTurn(() => session.setState(state)),
    getState: () => inTurn(() => session.getState()),
    dispose: () => inTurn(() => session.dispose()),
  };
}
