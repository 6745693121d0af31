import { env, InferenceSession, Tensor } from "onnxruntime-node";
import { RequestError } from "../errors.js";
import type { DataType } from "../onnx/index.js";
import { onGpu } from "./carried.js";
import { EngineSession } from "./engine-session.js";
import { checkSessionOptions, type SessionOptions } from "./options.js";
import type { Program, Session } from "./session.js";

// What fails is thrown, and said once; the engine's own log would repeat it over several lines.
env.logLevel = "fatal";

/** Opens a session in this thread, which every run blocks until it is done. */
export async function openLocalSession(program: Program, options: SessionOptions = {}): Promise<Session> {
  checkSessionOptions(options);
  const { device = "cpu", threads, profilePrefix, optimize = true } = options;
  const { carried = {} } = program;
  // Of the GPUs' providers it is the only one that the binding takes tensors of.
  const staysOnGpu = device === "webgpu" && Object.keys(carried).length > 0;
  const executionProviders = device === "cpu" ? ["cpu"] : [device, "cpu"];
  let inner: InferenceSession;
  try {
    inner = await InferenceSession.create(program.model, {
      executionProviders,
      ...(staysOnGpu ? { preferredOutputLocation: locations(carried) } : {}),
      // Planned as one block, a training step's memory is asked for beside what the first run took: nearly twice as much in all.
      enableMemPattern: Object.keys(carried).length === 0,
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
  const engine = { inner, Tensor, reusesOutputs: true };
  if (!staysOnGpu) return new EngineSession(engine, carried);
  const reader = await InferenceSession.create(await identities(inner, carried), { executionProviders });
  return new EngineSession({ ...engine, carried: onGpu(carried, reader) }, carried);
}

const locations = (carried: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.values(carried).map((output) => [output, "gpu-buffer" as const]));

/** A model that gives what is carried as it is, under the names of the outputs. */
async function identities({ inputMetadata }: InferenceSession, carried: Readonly<Record<string, string>>) {
  // A session's thread would load it for nothing, for 50 ms.
  const { GraphBuilder, serialize } = await import("../onnx/index.js");
  const b = new GraphBuilder();
  const inputs = inputMetadata.flatMap((entry) =>
    entry.isTensor && Object.hasOwn(carried, entry.name)
      ? [b.input(entry.name, entry.type as DataType, entry.shape as number[])]
      : [],
  );
  const outputs = Object.fromEntries(inputs.map((value) => [carried[value.name]!, b.op("Identity", [value])[0]!]));
  return serialize({ name: "what is carried", inputs, outputs });
}

function deviceError(device: string, error: unknown): unknown {
  if (device === "cpu") return error;
  const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
  return new RequestError(`device "${device}" cannot be used here: ${reason}. The device "cpu" works everywhere.`);
}
