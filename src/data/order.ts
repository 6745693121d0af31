import { random } from "../random.js";

/** The order in which an epoch takes `n` samples: by index, or random by (seed, epoch). */
export function orderOf(
  n: number,
  { seed, epoch, shuffle }: { readonly seed: number; readonly epoch: number; readonly shuffle: boolean },
): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  if (shuffle) random(seed, "order", epoch).shuffle(order);
  return order;
}
