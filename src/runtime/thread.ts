import { Worker } from "node:worker_threads";
import * as errors from "../errors.js";
import { close, openGate } from "./gate.js";
import { checkSessionOptions, type SessionOptions } from "./options.js";
import type { Program, Session, Tensors } from "./session.js";
import type { Opened, Reply, Request } from "./session-worker.js";

/**
 * Opens a session in a thread of its own, so that this one can decode pictures while it computes. Tensors are copied on
 * their way; carried ones stay there.
 */
export async function openThreadSession(program: Program, options: SessionOptions = {}): Promise<Session> {
  checkSessionOptions(options);
  // The compiled worker serves the sources too (as tests run them): `src` and `dist` lie side by side.
  const gate = openGate();
  const file = new URL("../../dist/runtime/session-worker.js", import.meta.url);
  // Without this process's options for Node: some, such as --input-type, keep a thread from starting.
  const worker = new Worker(file, { workerData: gate, execArgv: [] });
  const whenProcessEnds = (): void => close(gate);
  process.once("exit", whenProcessEnds);
  const pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  const failAll = (error: unknown): void => {
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
    worker.unref();
  };
  worker.on("message", ({ id, result, error }: Reply) => {
    const waiting = pending.get(id);
    pending.delete(id);
    // An idle thread must not keep the process alive; one that owes an answer must.
    if (pending.size === 0) worker.unref();
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(revive(error));
  });
  worker.on("error", failAll);
  worker.on("exit", (code) => {
    process.off("exit", whenProcessEnds);
    failAll(new Error(`the session's thread ended with code ${code}`));
  });

  let nextId = 0;
  const call = <T>(request: Request, transferred: readonly ArrayBuffer[] = []): Promise<T> => {
    const id = nextId++;
    return new Promise<T>((resolve, reject) => {
      pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      worker.ref();
      worker.postMessage({ id, request }, transferred);
    });
  };
  try {
    const { inputs, outputs } = await call<Opened>({ method: "open", program, options });
    return {
      inputs,
      outputs,
      run: (feeds, shapes, given) => call<Tensors>({ method: "run", feeds, shapes }, buffersOf(feeds, given)),
      setState: (state) => call<void>({ method: "setState", state }),
      getState: () => call<Tensors>({ method: "getState" }),
      async dispose() {
        await call<void>({ method: "dispose" });
        await worker.terminate();
      },
    };
  } catch (error) {
    await worker.terminate();
    throw error;
  }
}

/** What can change threads without a copy: memory that is an array's alone. */
function buffersOf(feeds: Tensors, given: readonly string[] = []): ArrayBuffer[] {
  return given.flatMap((name) => {
    const { buffer, byteLength } = feeds[name]!;
    return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
  });
}

/** An error from the thread with its class restored, since the class decides the exit code. */
function revive({ name, message, stack }: NonNullable<Reply["error"]>): Error {
  const known = (errors as Record<string, unknown>)[name] as (new (message: string) => Error) | undefined;
  const error = known === undefined ? new Error(message) : new known(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
