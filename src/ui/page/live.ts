import { useEffect, useState } from "preact/hooks";
import { Refusal } from "./api.js";

/** Ids of runs that changed; all of them where something may have been missed. */
type Changed = ReadonlySet<string> | "all";

const listeners = new Set<(changed: Changed) => void>();
const watchers = new Set<(connected: boolean) => void>();
let connected = true;

function setConnected(now: boolean): void {
  if (now === connected) return;
  connected = now;
  for (const watcher of watchers) watcher(now);
  if (now) for (const listener of listeners) listener("all");
}

/** Listens to the server, and again whenever it was away. */
export function listen(): void {
  const source = new EventSource("/api/events");
  source.addEventListener("hello", () => setConnected(true));
  source.addEventListener("runs", ({ data }: MessageEvent<string>) => {
    const ids = JSON.parse(data) as string[] | "all";
    for (const listener of listeners) listener(ids === "all" ? "all" : new Set(ids));
  });
  source.addEventListener("error", () => {
    setConnected(false);
    if (source.readyState !== EventSource.CLOSED) return;
    // The browser has given up, as it does after an answer that is no stream.
    setTimeout(listen, 2000);
  });
}

/** Whether the server can be heard. */
export function useConnected(): boolean {
  const [state, setState] = useState(connected);
  useEffect(() => {
    watchers.add(setState);
    return () => {
      watchers.delete(setState);
    };
  }, []);
  return state;
}

export interface Loaded<T> {
  /** The last that was loaded, also while the next is on its way. */
  readonly data: T | null;
  readonly error: Refusal | null;
  readonly loading: boolean;
  reload(): void;
}

/**
 * What a request gives, asked again when `key` changes, and when one of the runs does.
 * @param key - of what is asked for; null for nothing  @param runs - whose changes matter; all unless given
 */
export function useLoaded<T>(key: string | null, load: () => Promise<T>, runs?: readonly string[]): Loaded<T> {
  const [state, setState] = useState<{ key: string | null; data: T | null; error: Refusal | null }>({
    key: null,
    data: null,
    error: null,
  });
  const [turn, setTurn] = useState(0);
  const watched = runs?.join(" ");
  useEffect(() => {
    let timer: number | undefined;
    const listener = (changed: Changed): void => {
      const matters = changed === "all" || watched === undefined || watched.split(" ").some((id) => changed.has(id));
      // Many may change at a time.
      if (matters) timer ??= window.setTimeout(() => setTurn((n) => n + 1), 150);
    };
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      window.clearTimeout(timer);
    };
  }, [watched, turn]);
  // The key stands for what `load` asks for.
  useEffect(() => {
    if (key === null) return;
    let current = true;
    load().then(
      (data) => current && setState({ key, data, error: null }),
      (error: unknown) => {
        const refusal = error instanceof Refusal ? error : new Refusal(String(error), 0, null);
        // What is shown stays while the server is away.
        if (current) setState((old) => ({ key, data: refusal.status === 0 ? old.data : null, error: refusal }));
      },
    );
    return () => {
      current = false;
    };
  }, [key, turn]);
  return { data: state.data, error: state.error, loading: state.key !== key, reload: () => setTurn((n) => n + 1) };
}
