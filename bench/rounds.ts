import { execFileSync } from "node:child_process";
import { cpus } from "node:os";

/** One way of doing the work that is measured: a command that prints a number, higher is better. */
export interface Variant {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Environment variables besides those that are there. */
  readonly env?: Readonly<Record<string, string>>;
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Runs each variant in a process of its own, in the opposite order every other round, and gives all numbers. */
export function rounds(variants: readonly Variant[], count: number): Map<string, number[]> {
  const found = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
  for (let round = 0; round < count; round++) {
    for (const { name, command, args, env } of round % 2 === 0 ? variants : [...variants].reverse()) {
      const output = execFileSync(command, args, {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        env: { ...process.env, ...env },
      });
      found.get(name)!.push(Number(output.trim().split("\n").at(-1)));
    }
  }
  return found;
}

/** A line a variant: median, raw rounds, and the ratio to the last variant. */
export function report(title: string, found: ReadonlyMap<string, readonly number[]>): void {
  const base = median([...found.values()].at(-1)!);
  console.log(`${title} (${cpus()[0]!.model}, ${cpus().length} cores, Node ${process.versions.node})`);
  for (const [name, values] of found) {
    const middle = median(values);
    console.log(
      `  ${name}: median ${middle.toFixed(2)} of ${values.map((v) => v.toFixed(2)).join(", ")}; ratio ${(middle / base).toFixed(3)}`,
    );
  }
}

/** Median rate of something done again and again, after a warm-up. @param units - done by each call */
export async function rate(
  units: number,
  warmUp: number,
  calls: number,
  body: () => Promise<unknown>,
): Promise<number> {
  for (let i = 0; i < warmUp; i++) await body();
  const seconds: number[] = [];
  for (let i = 0; i < calls; i++) {
    const started = performance.now();
    await body();
    seconds.push((performance.now() - started) / 1000);
  }
  return units / median(seconds);
}
