/**
 * Keeps a process from ending in the middle of a run. When Node tears down a thread that ONNX Runtime is computing in, the binding
 * aborts the process (seen with 1.30: `terminate called after throwing an instance of 'Napi::Error'`, exit code 134), also after a
 * `process.exit()` or an uncaught error elsewhere. The thread and its owner share two flags.
 */
const BUSY = 0;
const CLOSING = 1;

/** How long an ending process waits for a run, ms. */
const MOST_WAIT_MS = 10_000;

export type Gate = Int32Array<SharedArrayBuffer>;

export const openGate = (): Gate => new Int32Array(new SharedArrayBuffer(8));

/** In the thread: runs `body`, unless the process is ending, which leaves nobody to tell. */
export async function pass<T>(gate: Gate, body: () => Promise<T>): Promise<T> {
  Atomics.store(gate, BUSY, 1);
  try {
    if (Atomics.load(gate, CLOSING) === 1) throw new Error("the process is ending");
    return await body();
  } finally {
    Atomics.store(gate, BUSY, 0);
    Atomics.notify(gate, BUSY);
  }
}

/** In the owner, when the process ends: lets nothing begin, and waits for what is under way. */
export function close(gate: Gate): void {
  Atomics.store(gate, CLOSING, 1);
  Atomics.wait(gate, BUSY, 1, MOST_WAIT_MS);
}
