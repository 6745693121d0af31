import { random } from "../random.js";
import { orderOf } from "./order.js";
import type { Source } from "./source.js";

/** Which pictures an epoch takes, and how often. */
export const SAMPLINGS = ["shuffled", "balanced", "repeated"] as const;
export type Sampling = (typeof SAMPLINGS)[number];

/** How often `repeated` takes a picture (arXiv 1902.05509). */
const REPEATS = 3;

/**
 * The order in which an epoch takes a source's samples, as many places as there are samples, a function of seed and epoch.
 * `shuffled` takes each once. `balanced` gives every class as many places as the others, or one more, and goes round a class's own
 * pictures before it takes one again. `repeated` takes a third of the pictures, each three times in a row, which differ in their
 * crops (arXiv 1901.09335).
 */
export function sampledOrder(
  { samples, classes }: Pick<Source, "samples" | "classes">,
  sampling: Sampling,
  { seed, epoch }: { readonly seed: number; readonly epoch: number },
): Int32Array {
  const n = samples.length;
  switch (sampling) {
    case "shuffled":
      return orderOf(n, { seed, epoch, shuffle: true });
    case "repeated": {
      const order = orderOf(n, { seed, epoch, shuffle: true });
      return Int32Array.from({ length: n }, (_, i) => order[Math.floor(i / REPEATS)]!);
    }
    case "balanced": {
      const members: number[][] = classes.map(() => []);
      for (let i = 0; i < n; i++) members[samples[i]!.label]!.push(i);
      const present = members.filter((own) => own.length > 0);
      return balanced(present, n, { seed, epoch });
    }
    default:
      return sampling satisfies never;
  }
}

function balanced(
  members: readonly number[][],
  n: number,
  { seed, epoch }: { seed: number; epoch: number },
): Int32Array {
  const stream = random(seed, "balanced", epoch);
  // Which classes have one place more is chance too.
  const turns = [...members.keys()];
  stream.shuffle(turns);
  const order = new Int32Array(n);
  for (const [turn, c] of turns.entries()) {
    const own = members[c]!;
    for (let place = turn, i = 0; place < n; place += turns.length, i++) {
      if (i % own.length === 0) stream.shuffle(own);
      order[place] = own[i % own.length]!;
    }
  }
  stream.shuffle(order);
  return order;
}
