import type { Pool } from "./pool.js";
import type { Session, Tensors } from "./session.js";

/**
 * Runs a session, or a pool of them, over batches, in order. The next batch is handed over while one is computed, so that a session
 * in a thread never waits for this one; at most two batches a session are under way.
 * @param feeds - what a batch feeds  @param given - those inputs of a batch whose arrays nobody looks at again, which need no copy (`Session.run`)
 * @throws what a run or the source of batches throws, when its turn comes
 */
export async function* runEach<Batch>(
  session: Pick<Session, "run"> & Partial<Pick<Pool, "parallel">>,
  batches: AsyncIterable<Batch>,
  feeds: (batch: Batch) => Tensors,
  given: (batch: Batch) => readonly string[] = () => [],
): AsyncGenerator<{ readonly batch: Batch; readonly results: Tensors }> {
  const most = 2 * (session.parallel ?? 1);
  const under: { readonly batch: Batch; readonly results: Promise<Tensors> }[] = [];
  try {
    for await (const batch of batches) {
      const next = { batch, results: session.run(feeds(batch), undefined, given(batch)) };
      // A failure counts when its turn comes; until then, or if it never does, it must not end the process.
      next.results.catch(() => {});
      under.push(next);
      if (under.length < most) continue;
      const ready = under.shift()!;
      yield { batch: ready.batch, results: await ready.results };
    }
    for (let ready = under.shift(); ready !== undefined; ready = under.shift())
      yield { batch: ready.batch, results: await ready.results };
  } finally {
    // Whoever leaves early may dispose of the session at once.
    await Promise.allSettled(under.map(({ results }) => results));
  }
}
