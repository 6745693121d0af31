/**
 * What does an operation of augmentation cost, and Pillow's? `npx tsx bench/augment.ts [rounds]` takes each at level 7 to a picture of
 * 224x224, one thread, and `rand-m9-n2-mstd0.5` to as many draws: milliseconds a picture. PYTHON names a Python with timm
 * (peers/README.md), without which only ours is measured.
 */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { augment, augmentation, LEVELS, OPERATIONS, type Operation, type Picture } from "fixres/pixels";
import { random } from "../src/random.js";
import { median } from "./rounds.js";

const RAND = "rand-m9-n2-mstd0.5";
const FILL = [124, 116, 104] as const;

const data = Uint8Array.from({ length: 224 * 224 * 3 }, (_, i) => (((i * 7919) % 251) + Math.floor(i / 672)) % 256);

/** Milliseconds a call, after a warm-up. */
function timed(change: (picture: Picture, i: number) => void): number {
  const times: number[] = [];
  const picture = { width: 224, height: 224, data: data.slice() };
  for (let i = 0; i < 150; i++) {
    picture.data.set(data);
    const started = performance.now();
    change(picture, i);
    times.push(performance.now() - started);
  }
  return times.slice(50).reduce((a, b) => a + b) / 100;
}

function ours(): Record<string, number> {
  const found: Record<string, number> = {};
  for (const operation of Object.keys(OPERATIONS) as Operation[]) {
    const argument = LEVELS[operation].argument(7, random(1));
    for (const filter of /^(Rotate|Shear|Translate)/.test(operation)
      ? (["bilinear", "bicubic"] as const)
      : ["" as const]) {
      const sampling = { filter: filter || "bicubic", fill: FILL } as const;
      found[`${operation} ${filter}`.trim()] = timed((picture) =>
        augment(picture, [{ operation, argument, sampling }]),
      );
    }
  }
  const draw = augmentation(RAND, { fill: FILL, interpolation: "random" });
  found[RAND] = timed((picture, i) => augment(picture, draw(random(i))));
  return found;
}

const run = (command: string, args: readonly string[]): Record<string, number> =>
  JSON.parse(execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));

if (process.argv[2] === "ours") console.log(JSON.stringify(ours()));
else {
  const count = Number(process.argv[2] ?? 5);
  const variants = [() => run(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), "ours"])];
  const { PYTHON } = process.env;
  if (PYTHON) variants.push(() => run(PYTHON, [fileURLToPath(new URL("peers/augment.py", import.meta.url)), RAND]));
  const found = variants.map((): Record<string, number>[] => []);
  for (let round = 0; round < count; round++) {
    for (const i of round % 2 === 0 ? variants.keys() : [...variants.keys()].reverse()) found[i]!.push(variants[i]!());
  }
  console.log(`ms a picture, medians of ${count} (${cpus()[0]!.model}, Node ${process.versions.node})`);
  for (const name of Object.keys(found[0]![0]!)) {
    const each = found.map((all) => median(all.map((one) => one[name]!)));
    console.log(`| ${[name, ...each.map((ms) => ms.toFixed(2))].join(" | ")} |`);
  }
}
