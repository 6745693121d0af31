import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { UiContext } from "../context.js";

/** Milliseconds between signs of life. */
const PULSE_MS = 10_000;

/** Most that listen at a time. */
const LISTENERS = 64;

/** Most ids in one message; with more of them a page had better look at everything again. */
const MOST = 100;

/** Server-sent events: which runs have changed. */
export const eventRoutes = ({ live, version }: UiContext) =>
  new Hono().get("/events", (c) => {
    if (live.listeners >= LISTENERS) return c.json({ error: "too many pages listen; close some." }, 429);
    return streamSSE(c, async (stream) => {
      let waiting = new Set<string>();
      let wake = (): void => {};
      const end = live.listen((changed) => {
        for (const id of changed) waiting.add(id);
        wake();
      });
      stream.onAbort(() => {
        end();
        wake();
      });
      await stream.writeSSE({ event: "hello", data: JSON.stringify({ version }), retry: 1000 });
      while (!stream.aborted) {
        if (waiting.size === 0) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, PULSE_MS);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
        if (stream.aborted) break;
        const changed = [...waiting];
        waiting = new Set();
        if (changed.length === 0) await stream.writeSSE({ event: "pulse", data: "" });
        else await stream.writeSSE({ event: "runs", data: JSON.stringify(changed.length > MOST ? "all" : changed) });
      }
      end();
    });
  });
