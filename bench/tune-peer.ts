/**
 * How long does the method take from files to a tuned model, and in PyTorch as published? `PYTHON=path/to/python npx tsx
 * bench/tune-peer.ts [MODEL] [PICTURES]` tunes B0 at 320 on JPEGs of 500 x 375, in two modes, with `tune` and with peers/tune.py
 * (bench/peers/README.md), alternating, each in a process of its own on two cores. Ours is measured at 1 and at 30 epochs; the peer, whose
 * epochs are all alike, at three, and for other numbers its seconds an epoch are multiplied.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  architecture,
  defaultTrainOptions,
  freshModel,
  loadModel,
  openSplits,
  TUNE_DEFAULTS,
  testPreprocessing,
  train,
  tune,
} from "fixres";
import { addPictures, withPictures } from "./pictures.js";
import { median } from "./rounds.js";

const RESOLUTION = 320;
const MODES = ["classifier", "classifier+bn"] as const;
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const PEER_EPOCHS = 3;
const LONG = 30;

interface Timing {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** What peers/tune.py prints, as far as it is read here. */
interface PeerTiming extends Timing {
  readonly epochSeconds: readonly number[];
  readonly validationSeconds: readonly number[];
}

const [first = "", second = "320", ...own] = process.argv.slice(2);
if (first === "ours") await measureOurs(second, own);
else await main(first, Number(second));

/** One tuning; prints how long it took. */
async function measureOurs(modelPath: string, [pictures, mode, epochs]: readonly string[]): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "fixres-bench-tuned-"));
  const started = { at: performance.now(), cpu: process.cpuUsage() };
  const data = await openSplits(pictures!);
  const model = await loadModel(modelPath);
  const preprocessing = testPreprocessing(model.input, { resolution: RESOLUTION });
  const options = { ...TUNE_DEFAULTS, mode: mode as (typeof MODES)[number], epochs: Number(epochs), preprocessing };
  // Its own cache: nothing is found there.
  const cache = { where: "disk", directory: join(directory, "cache") } as const;
  await tune(model, data, options, { directory, threads: 2, cache });
  const { user, system } = process.cpuUsage(started.cpu);
  const seconds = (performance.now() - started.at) / 1000;
  console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6 } satisfies Timing));
  await rm(directory, { recursive: true });
}

async function main(given: string, pictures: number): Promise<void> {
  await withPictures(100, async (directory) => {
    await addPictures(directory, "train", pictures, 100);
    const model = given || (await trainedModel(directory));
    console.log(
      `tuning B0 at ${RESOLUTION}, ${pictures} + 100 pictures (${cpus()[0]!.model}, ${cpus().length} cores, Node ${process.versions.node})`,
    );
    for (const mode of MODES) await compare(model, directory, mode);
  });
}

/** B0 after a few steps: the values of one that was never trained fade to denormal numbers on their way, which take a CPU long. */
async function trainedModel(directory: string): Promise<string> {
  const data = await openSplits(directory);
  const fresh = freshModel(architecture("efficientnet_b0"), data.train.classes, 0);
  const resolution = 64;
  const options = { ...defaultTrainOptions({ resolution, dropout: 0 }), epochs: 8, batchSize: 32, learningRate: 0.01 };
  const preprocessing = testPreprocessing(fresh.input, { resolution });
  return (await train(fresh, data, options, preprocessing, { directory: join(directory, "run") })).model;
}

async function compare(model: string, directory: string, mode: (typeof MODES)[number]): Promise<void> {
  const { PYTHON, PRELOAD = "" } = process.env;
  const ours = (epochs: number) => () =>
    run<Timing>(process.execPath, [
      ...["--import", "tsx", fileURLToPath(import.meta.url), "ours", model, directory, mode, String(epochs)],
    ]);
  const peer = () =>
    run<PeerTiming>(
      PYTHON!,
      [
        ...[fileURLToPath(new URL("peers/tune.py", import.meta.url)), model, directory, "--mode", mode],
        ...["--resolution", String(RESOLUTION), "--epochs", String(PEER_EPOCHS)],
      ],
      // Threads that spin at barriers take the core from the worker that decodes.
      { LD_PRELOAD: PRELOAD, OMP_WAIT_POLICY: "passive" },
    );
  const [short, long, published]: [Timing[], Timing[], PeerTiming[]] = [[], [], []];
  const steps = [
    () => short.push(ours(1)()),
    () => long.push(ours(LONG)()),
    ...(PYTHON ? [() => published.push(peer())] : []),
  ];
  for (let round = 0; round < ROUNDS; round++)
    for (const step of round % 2 === 0 ? steps : [...steps].reverse()) step();

  const line = (name: string, values: readonly number[]): void =>
    console.log(`  ${name}: median ${median(values).toFixed(2)} s of ${values.map((v) => v.toFixed(2)).join(", ")}`);
  console.log(mode);
  line(
    "ours, 1 epoch",
    short.map(({ seconds }) => seconds),
  );
  line(
    `ours, ${LONG} epochs`,
    long.map(({ seconds }) => seconds),
  );
  if (published.length === 0) return;
  line(
    "the peer's epoch",
    published.map(({ epochSeconds }) => median(epochSeconds)),
  );
  line(
    "the peer's two validations",
    published.map(({ validationSeconds: [a, b] }) => a! + b!),
  );
  for (const [epochs, found] of [
    [1, short],
    [LONG, long],
  ] as const) {
    const wall = published.map((p, i) => taking(p, epochs) / found[i]!.seconds);
    // Other work on the machine makes both wait, and the time that processors spend on them longer by less.
    const cpu = published.map(
      (p, i) => (p.cpuSeconds * taking(p, epochs)) / taking(p, PEER_EPOCHS) / found[i]!.cpuSeconds,
    );
    const shown = (ratios: readonly number[]): string =>
      `${median(ratios).toFixed(2)} (${ratios.map((ratio) => ratio.toFixed(2)).join(", ")})`;
    console.log(`  ${epochs} epochs: the peer takes ${shown(wall)} times as long; processor time: ${shown(cpu)} times`);
  }
}

/** Seconds of a tuning of so many epochs, with a validation before and one after. */
function taking({ epochSeconds, validationSeconds: [before, after] }: PeerTiming, epochs: number): number {
  return before! + epochs * median(epochSeconds) + after!;
}

/** Runs a command on two cores and reads the JSON that it prints. */
function run<T>(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): T {
  const output = execFileSync("taskset", ["-c", "0-1", command, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...env },
  });
  return JSON.parse(output.trim().split("\n").at(-1)!) as T;
}
