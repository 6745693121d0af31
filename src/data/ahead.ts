/** How far work may run before its results are taken. */
export interface AheadOptions {
  /** Tasks that run at once. */
  readonly running: number;
  /** Tasks, running or done, whose results wait to be taken. */
  readonly waiting: number;
}

/**
 * The results of `task(0)` to `task(count - 1)` in that order, whichever is ready first; later tasks run while the
 * consumer is busy with earlier ones. Once the consumer leaves, no further task begins.
 * @throws what a task throws, when its turn comes
 */
export async function* inOrder<T>(
  count: number,
  task: (index: number) => Promise<T>,
  { running, waiting }: AheadOptions,
): AsyncGenerator<T> {
  const results = new Map<number, Promise<T>>();
  let next = 0;
  let busy = 0;
  let abandoned = false;
  const launch = (): void => {
    while (!abandoned && next < count && busy < running && results.size < waiting) {
      busy++;
      const result = task(next).finally(() => {
        busy--;
        launch();
      });
      // A failure counts when its turn comes; until then, or if it never does, it must not end the process.
      result.catch(() => {});
      results.set(next++, result);
    }
  };
  try {
    launch();
    for (let taken = 0; taken < count; taken++) {
      const result = await results.get(taken)!;
      results.delete(taken);
      launch();
      yield result;
    }
  } finally {
    abandoned = true;
  }
}
