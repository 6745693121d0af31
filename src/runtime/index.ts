/**
 * Sessions: the one place that knows ONNX Runtime. In: a serialised graph and what it carries from run to run. Out: a
 * `Session` that is fed plain typed arrays, in this thread or in one of its own.
 *
 * @module
 */
import type { SessionOptions } from "./options.js";
import type { Program, Session } from "./session.js";
import { openThreadSession } from "./thread.js";

export { DEVICES, type Device, type SessionOptions } from "./options.js";
export { packed } from "./packed.js";
export { openPool, type Pool } from "./pool.js";
export { type FilePlace, mapped } from "./program.js";
export type { ExternalFile, Program, Session, Tensors } from "./session.js";
export { runEach } from "./stream.js";
export { ENGINE_VERSION } from "./version.js";

/**
 * Opens a session.
 * @param where - `thread` (the default) computes off the calling thread; `here` blocks it, without copies or start-up
 * @throws {RequestError} for a device that this machine or build does not have
 */
export async function openSession(
  program: Program,
  options: SessionOptions & { readonly where?: "thread" | "here" } = {},
): Promise<Session> {
  const { where = "thread", ...rest } = options;
  if (where === "thread") return openThreadSession(program, rest);
  // This thread needs the engine only then.
  const { openLocalSession } = await import("./local.js");
  return openLocalSession(program, rest);
}
