import type { RunIndex } from "./run-index.js";

/** Least milliseconds between two looks at the runs folder while somebody listens. */
const EVERY_MS = 1000;

/** What listeners are told: ids of runs that came, went or changed. */
export type Listener = (changed: readonly string[]) => void;

export type Live = ReturnType<typeof openLive>;

/** Tells listeners of changes in the runs folder, whoever made them. Looks only while there are any. */
export function openLive(index: Pick<RunIndex, "refresh">) {
  const listeners = new Set<Listener>();
  let timer: NodeJS.Timeout | null = null;
  const tell = (changed: readonly string[]): void => {
    if (changed.length > 0) for (const listener of listeners) listener(changed);
  };
  const look = async (): Promise<void> => {
    const start = performance.now();
    await index.refresh().then(tell, () => {});
    // With many runs a look takes its time; most of it must be left for requests.
    const wait = Math.max(EVERY_MS, 4 * (performance.now() - start));
    timer = listeners.size > 0 ? setTimeout(look, wait) : null;
    timer?.unref();
  };
  return {
    tell,
    /** @returns what ends it */
    listen(listener: Listener): () => void {
      listeners.add(listener);
      if (timer === null) {
        timer = setTimeout(look, EVERY_MS);
        timer.unref();
      }
      return () => {
        listeners.delete(listener);
      };
    },
    get listeners(): number {
      return listeners.size;
    },
  };
}
