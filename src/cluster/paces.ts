import { rate } from "../format.js";
import type { ShardResult } from "./result.js";

/** Workers that are told of by name beside a bar. */
const SHOWN = 3;

/** Time over which a pace is measured, ms. */
const SPAN_MS = 60_000;

/** How long words are good for, ms. */
const SAID_MS = 500;

/** How many pictures a second each worker computes, by the results that came of late. */
export class Paces {
  private readonly came: { readonly worker: string; readonly pictures: number; readonly at: number }[] = [];
  private readonly began = new Map<string, number>();
  private said = { words: "", at: Number.NEGATIVE_INFINITY };

  add(
    { worker, count, seconds }: Pick<ShardResult, "worker" | "count" | "seconds">,
    at: number = performance.now(),
  ): void {
    this.came.push({ worker, pictures: count, at });
    if (!this.began.has(worker)) this.began.set(worker, at - 1000 * seconds);
    while (this.came.length > 0 && this.came[0]!.at < at - SPAN_MS) this.came.shift();
  }

  /** Pictures a second by worker, the fastest first. */
  byWorker(now: number = performance.now()): (readonly [worker: string, rate: number])[] {
    const pictures = new Map<string, number>();
    for (const one of this.came) pictures.set(one.worker, (pictures.get(one.worker) ?? 0) + one.pictures);
    return [...pictures]
      .map(([worker, count]) => {
        const since = Math.max(this.began.get(worker)!, now - SPAN_MS);
        return [worker, (1000 * count) / Math.max(1, now - since)] as const;
      })
      .sort((a, b) => b[1] - a[1]);
  }

  total(): number {
    return this.byWorker().reduce((sum, [, own]) => sum + own, 0);
  }

  /** The same in words, a moment old at most. */
  shown(now: number = performance.now()): string {
    if (now - this.said.at < SAID_MS) return this.said.words;
    const words = this.words(now);
    this.said = { words, at: now };
    return words;
  }

  private words(now: number): string {
    const all = this.byWorker(now);
    const named = all.slice(0, SHOWN).map(([worker, own]) => `${worker} ${rate(own)}/s`);
    const more = all.length > SHOWN ? `, ${all.length - SHOWN} more` : "";
    return `${all.length} ${all.length === 1 ? "worker" : "workers"}: ${named.join(", ")}${more}`;
  }
}
