import type { Source } from "../data/index.js";
import { DataError } from "../errors.js";
import { random } from "../random.js";

/** A division of a source's samples, each part in the order of the source. */
export interface Holdout {
  readonly kept: Int32Array;
  readonly held: Int32Array;
}

/**
 * Holds some pictures of each class back, drawn by the seed: the share rounded, at least one of each class that has two.
 * @throws {DataError} where no class has two pictures
 */
export function holdoutOf({ name, samples }: Source, share: number, seed: number): Holdout {
  const byClass = new Map<number, number[]>();
  let index = 0;
  for (const { label } of samples) {
    const found = byClass.get(label);
    if (found === undefined) byClass.set(label, [index++]);
    else found.push(index++);
  }
  const held = new Uint8Array(samples.length);
  for (const [label, members] of byClass) {
    if (members.length < 2) continue;
    const count = Math.min(members.length - 1, Math.max(1, Math.round(share * members.length)));
    random(seed, "holdout", label).shuffle(members);
    for (const sample of members.slice(0, count)) held[sample] = 1;
  }
  const all = Int32Array.from(held, (_, i) => i);
  const found = { kept: all.filter((i) => held[i] === 0), held: all.filter((i) => held[i] === 1) };
  if (found.held.length > 0) return found;
  throw new DataError(
    `"${name}" has no class of two pictures, so none can be held back to choose by; give more, or choose nothing (--select-on none).`,
  );
}
