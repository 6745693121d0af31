/**
 * How much memory does a training step take, and how much of it does recomputation save, for how much time? `npx tsx
 * bench/recompute.ts` prints the peak of resident memory and the processor's seconds a step of each case, with and without, alternating;
 * `one efficientnet_b4 380 8 all 2` makes one measurement.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { architecture, freshModel } from "fixres/models";
import { openSession } from "fixres/runtime";
import { defaultTrainOptions, initialState, sgd, trainingStep } from "fixres/train";

/** Architecture, resolution, pictures, and steps that are timed after a first one. */
const CASES = [
  ["efficientnet_b0", 224, 16, 4],
  ["efficientnet_b4", 380, 8, 1],
] as const;
const ROUNDS = 3;

interface Measured {
  /** Of a step, user and system, s. */
  readonly seconds: number;
  /** Peak of the process, GiB. */
  readonly memory: number;
  readonly loss: number;
}

async function measure(
  arch: string,
  resolution: number,
  batch: number,
  parts: string,
  steps: number,
): Promise<Measured> {
  const classes = Array.from({ length: 1000 }, (_, i) => String(i));
  const model = freshModel(architecture(arch), classes, 0);
  const options = { ...defaultTrainOptions({ resolution, dropout: 0 }), batchSize: batch, dropPath: 0 };
  const step = trainingStep(model, options, { recompute: parts === "all" ? () => true : undefined });
  const session = await openSession(step.program, { where: "here" });
  await session.setState(initialState(step, sgd(), (name) => model.tensors.get(name)!.data));
  const feeds = {
    pixels: Uint8Array.from({ length: batch * resolution ** 2 * 3 }, (_, i) => (i * 7919) % 251),
    labels: Int32Array.from({ length: batch }, (_, i) => (i * 17) % 1000),
    "step/learningRate": Float32Array.of(0.01),
  };
  await session.run(feeds);
  const before = process.cpuUsage();
  let loss = 0;
  for (let i = 0; i < steps; i++) loss = Number((await session.run(feeds)).loss![0]);
  const { user, system } = process.cpuUsage(before);
  const memory = process.resourceUsage().maxRSS / 2 ** 20;
  await session.dispose();
  return { seconds: (user + system) / 1e6 / steps, memory, loss };
}

const [what, arch, resolution, batch, parts, steps] = process.argv.slice(2);
if (what === "one")
  console.log(JSON.stringify(await measure(arch!, Number(resolution), Number(batch), parts!, Number(steps))));
else {
  const here = fileURLToPath(import.meta.url);
  for (const [name, ...sizes] of CASES) {
    const [size, pictures, count] = sizes.map(String);
    for (let round = 0; round < ROUNDS; round++) {
      for (const how of round % 2 === 0 ? ["none", "all"] : ["all", "none"]) {
        const args = ["--import", "tsx", here, "one", name, size!, pictures!, how, count!];
        const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
        if (stdout === "") throw new Error(stderr);
        const found = JSON.parse(stdout) as Measured;
        const numbers = `${found.memory.toFixed(2)} GiB, ${found.seconds.toFixed(2)} s a step, loss ${found.loss}`;
        console.log(`${name} at ${size}, batch ${pictures}, recomputing ${how}: ${numbers}`);
      }
    }
  }
}
