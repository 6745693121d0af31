import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { inOrder } from "./ahead.js";

/** Tasks that end when they are told, or at once. */
function tasks() {
  const state = { started: 0, running: 0, most: 0 };
  const waiting: (() => void)[] = [];
  return {
    state,
    /** Ends all that run. */
    release: () => {
      for (const end of waiting.splice(0)) end();
    },
    held: async (index: number) => {
      state.started++;
      state.most = Math.max(state.most, ++state.running);
      await new Promise<void>((resolve) => waiting.push(resolve));
      state.running--;
      return index;
    },
    immediate: async (index: number) => {
      state.started++;
      return index;
    },
  };
}

describe("inOrder", () => {
  it("gives results by index, whichever is ready first", async () => {
    const late = [30, 5, 20, 0, 10];
    const task = (i: number) => setTimeout(late[i], i);
    const results: number[] = [];
    for await (const result of inOrder(5, task, { running: 5, waiting: 5 })) results.push(result);
    expect(results).toEqual([0, 1, 2, 3, 4]);
  });

  it("runs no more at once than it may", async () => {
    const { state, held, release } = tasks();
    const results = inOrder(20, held, { running: 3, waiting: 10 });
    for (let i = 0; i < 20; i++) {
      const next = results.next();
      while (state.running > 0) {
        release();
        await setTimeout(0);
      }
      expect((await next).value).toBe(i);
    }
    expect(state).toEqual({ started: 20, running: 0, most: 3 });
    expect((await results.next()).done).toBe(true);
  });

  it("keeps no more results than it may, and goes on while the consumer is busy", async () => {
    const { state, immediate } = tasks();
    const results = inOrder(100, immediate, { running: 2, waiting: 7 });
    await results.next();
    await setTimeout(0);
    expect(state.started).toBe(8);
    await results.next();
    await setTimeout(0);
    expect(state.started).toBe(9);
    await results.return(undefined);
  });

  it("begins nothing more once the consumer leaves", async () => {
    const { state, held, release } = tasks();
    const results = inOrder(100, held, { running: 4, waiting: 50 });
    const first = results.next();
    release();
    await first;
    await results.return(undefined);
    const { started } = state;
    for (let i = 0; i < 5; i++) {
      release();
      await setTimeout(0);
    }
    expect(state.started).toBe(started);
  });

  it("throws a failure when its turn comes, not before, and never if it does not", async () => {
    const task = async (i: number) => {
      if (i >= 2) throw new Error(`task ${i}`);
      return i;
    };
    const results = inOrder(9, task, { running: 9, waiting: 9 });
    expect((await results.next()).value).toBe(0);
    // An unhandled rejection of tasks 2 to 8 would fail this test run.
    await setTimeout(5);
    expect((await results.next()).value).toBe(1);
    await expect(results.next()).rejects.toThrow("task 2");
    expect((await results.next()).done).toBe(true);
  });

  it("gives nothing of nothing", async () => {
    const results = inOrder(0, async () => 1, { running: 1, waiting: 1 });
    expect((await results.next()).done).toBe(true);
  });
});
