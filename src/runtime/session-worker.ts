import { parentPort, workerData } from "node:worker_threads";
import type { Shape } from "../onnx/index.js";
import { type Gate, pass } from "./gate.js";
import { openLocalSession } from "./local.js";
import type { SessionOptions } from "./options.js";
import type { Program, Session, Tensors } from "./session.js";

/** What the owner of the thread asks for. */
export type Request =
  | { readonly method: "open"; readonly program: Program; readonly options: SessionOptions }
  | { readonly method: "run"; readonly feeds: Tensors; readonly shapes?: Readonly<Record<string, Shape>> }
  | { readonly method: "setState"; readonly state: Tensors }
  | { readonly method: "getState" }
  | { readonly method: "dispose" };

/** What a request to open gives back. */
export type Opened = Pick<Session, "inputs" | "outputs">;

/** The answer to the request of the same id. */
export interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly name: string; readonly message: string; readonly stack?: string };
}

const gate = workerData as Gate;
let session: Session | null = null;

async function answer(request: Request): Promise<unknown> {
  if (request.method === "open") {
    session = await openLocalSession(request.program, request.options);
    return { inputs: session.inputs, outputs: session.outputs } satisfies Opened;
  }
  if (session === null) throw new Error("no session is open in this thread");
  switch (request.method) {
    case "run":
      return session.run(request.feeds, request.shapes);
    case "setState":
      return session.setState(request.state);
    case "getState":
      return session.getState();
    case "dispose":
      return session.dispose();
    default:
      return request satisfies never;
  }
}

/** The request under way; the next one begins when it has been answered. */
let last: Promise<void> = Promise.resolve();

parentPort?.on("message", ({ id, request }: { id: number; request: Request }) => {
  last = last
    .then(() => pass(gate, () => answer(request)))
    .then(
      (result) => parentPort?.postMessage({ id, result } satisfies Reply),
      (error: unknown) => {
        const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
        parentPort?.postMessage({ id, error: { name, message, stack } } satisfies Reply);
      },
    );
});
