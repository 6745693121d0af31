import type { CallName, Calls, FixEvent, FromWorker, ToWorker } from "./protocol.js";

/** What is wrong, in words for the reader. */
export class WorkerError extends Error {
  constructor(
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: FixEvent) => void;
}

interface Waiting extends CallOptions {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The worker in which models are opened, looked through and fixed, so that the page never waits. */
export class Client {
  private readonly worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;

  /** @param wasm - where ONNX Runtime's .wasm file is */
  constructor(wasm: string) {
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.answer(data);
    this.worker.onerror = ({ message }) => {
      for (const { reject } of this.waiting.values()) reject(new WorkerError("Error", message || "the worker stopped"));
      this.waiting.clear();
    };
    this.post({ kind: "start", wasm });
  }

  call<Name extends CallName>(
    name: Name,
    argument: Calls[Name][0],
    options: CallOptions = {},
  ): Promise<Calls[Name][1]> {
    this.last++;
    const id = this.last;
    options.signal?.addEventListener("abort", () => this.post({ kind: "abort", id }), { once: true });
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { ...options, resolve: resolve as (value: unknown) => void, reject });
      this.post({ kind: "call", id, name, argument });
    });
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  private answer(message: FromWorker): void {
    const waiting = this.waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.kind === "event") {
      waiting.onEvent?.(message.event);
      return;
    }
    this.waiting.delete(message.id);
    if (message.kind === "result") waiting.resolve(message.value);
    else waiting.reject(new WorkerError(message.name, message.message));
  }
}
