import type { Session, Tensors } from "./session.js";

/**
 * Runs a session over batches, in order. The next batch is handed over while one is computed, so that a session in a thread never
 * waits for this one; at most two batches are under way.
 * @param feeds - what a batch feeds
 * @throws what a run or the source of batches throws, when its turn comes
 */
export async function* runEach<Batch>(
  session: Session,
  batches: AsyncIterable<Batch>,
  feeds: (batch: Batch) => Tensors,
): AsyncGenerator<{ readonly batch: Batch; readonly results: Tensors }> {
  let last: { readonly batch: Batch; readonly results: Promise<Tensors> } | null = null;
  try {
    for await (const batch of batches) {
      const next = { batch, results: session.run(feeds(batch)) };
      // A failure counts when its turn comes; until then, or if it never does, it must not end the process.
      next.results.catch(() => {});
      const ready = last;
      last = next;
      if (ready !== null) yield { batch: ready.batch, results: await ready.results };
    }
    if (last !== null) yield { batch: last.batch, results: await last.results };
  } finally {
    // Whoever leaves early may dispose of the session at once.
    await last?.results.catch(() => {});
  }
}
