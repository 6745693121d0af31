import { useEffect, useRef, useState } from "preact/hooks";

const REDUCED = "(prefers-reduced-motion: reduce)";

/** Whether whoever looks wants things to stand still. */
export function useReducedMotion(): boolean {
  const [reduced, setReduced] = useState(() => matchMedia(REDUCED).matches);
  useEffect(() => {
    const query = matchMedia(REDUCED);
    const follow = () => setReduced(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  return reduced;
}

/**
 * The result of the last of many requests: one is under way at a time, and of those that come meanwhile the last alone is asked.
 * @param ask - null where there is nothing to ask
 */
export function useLatest<T>(ask: (() => Promise<T>) | null, on: readonly unknown[], failed: (error: unknown) => void) {
  const [found, setFound] = useState<T | null>(null);
  const busy = useRef(false);
  const next = useRef<(() => Promise<T>) | null>(null);
  useEffect(() => {
    if (ask === null) setFound(null);
    next.current = ask;
    if (busy.current) return;
    const work = async () => {
      busy.current = true;
      while (next.current !== null) {
        const current = next.current;
        next.current = null;
        await current().then(setFound, failed);
      }
      busy.current = false;
    };
    void work();
  }, on);
  return found;
}
