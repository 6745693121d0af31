import { env, InferenceSession, Tensor } from "onnxruntime-node";
import { RequestError } from "../errors.js";
import { EngineSession } from "./engine-session.js";
import { checkSessionOptions, type SessionOptions } from "./options.js";
import type { Program, Session } from "./session.js";

// What fails is thrown, and said once; the engine's own log would repeat it over several lines.
env.logLevel = "fatal";

/** Opens a session in this thread, which every run blocks until it is done. */
export async function openLocalSession(program: Program, options: SessionOptions = {}): Promise<Session> {
  checkSessionOptions(options);
  const { device = "cpu", threads, profilePrefix, optimize = true } = options;
  let inner: InferenceSession;
  try {
    inner = await InferenceSession.create(program.model, {
      executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
      graphOptimizationLevel: optimize ? "all" : "disabled",
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      ...(program.external === undefined ? {} : { externalData: [...program.external] }),
      ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
      // Warnings about initializers that an optimised graph no longer needs are not for users.
      logSeverityLevel: 3,
      extra: {
        // Denormals appear in late training and cost tens of times a normal number's time.
        session: {
          set_denormal_as_zero: "1",
          ...(program.folder === undefined ? {} : { model_external_initializers_file_folder_path: program.folder }),
        },
        // It moves zeros that surround a picture into MaxPool, which surrounds it with -infinity.
        optimization: { disable_specified_optimizers: "Pad_Fusion" },
      },
    });
  } catch (error) {
    throw deviceError(device, error);
  }
  return new EngineSession({ inner, Tensor, reusesOutputs: true }, program.carried ?? {});
}

function deviceError(device: string, error: unknown): unknown {
  if (device === "cpu") return error;
  const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
  return new RequestError(`device "${device}" cannot be used here: ${reason}. The device "cpu" works everywhere.`);
}
