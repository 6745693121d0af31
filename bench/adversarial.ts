/**
 * What does a step of AdvProp cost? `npx tsx bench/adversarial.ts [resolution batch]` prints pictures a second of processor time (one
 * thread) of B0's training step under attacks and without, alternating; with a third argument, ε, of one alone, and its peak memory.
 */
import { fileURLToPath } from "node:url";
import { architecture, freshModel } from "fixres/models";
import { openSession } from "fixres/runtime";
import { defaultTrainOptions, initialState, mainName, sgd, trainingStep, usualSteps } from "fixres/train";
import { median, report, rounds } from "./rounds.js";

const [resolution = "64", batch = "32", epsilon] = process.argv.slice(2);

async function measure(size: number, batchSize: number, advEpsilon: number): Promise<number> {
  const classes = Array.from({ length: 1000 }, (_, i) => String(i));
  const model = freshModel(architecture("efficientnet_b0"), classes, 0);
  const defaults = defaultTrainOptions({ resolution: size, dropout: 0 });
  const attack = { advEpsilon, advSteps: usualSteps(advEpsilon) };
  const step = trainingStep(model, { ...defaults, ...attack, batchSize, dropPath: 0 });
  const session = await openSession(step.program, { where: "here", threads: 1 });
  await session.setState(initialState(step, sgd(), (name) => model.tensors.get(mainName(name))!.data));
  const bytes = batchSize * size ** 2 * 3;
  const feeds = {
    pixels: Uint8Array.from({ length: bytes }, (_, i) => (i * 7919) % 251),
    labels: Int32Array.from({ length: batchSize }, (_, i) => (i * 17) % 1000),
    "noise/start": Uint8Array.from({ length: bytes }, (_, i) => (i * 4099) % 256),
    ...step.scalars(1, 0.01),
  };
  const seconds: number[] = [];
  for (let i = 0; i < 6; i++) {
    const before = process.cpuUsage();
    await session.run(feeds);
    const { user, system } = process.cpuUsage(before);
    if (i > 0) seconds.push((user + system) / 1e6);
  }
  await session.dispose();
  return batchSize / median(seconds);
}

if (epsilon === undefined) {
  const here = fileURLToPath(import.meta.url);
  const variants = [4, 1, 0].map((own) => ({
    name: own === 0 ? "plain" : `ε ${own}, ${usualSteps(own)} steps`,
    command: process.execPath,
    args: ["--import", "tsx", here, resolution, batch, String(own)],
  }));
  report(`training step of B0 at ${resolution}, batch ${batch}, pictures/s of processor time`, rounds(variants, 3));
} else {
  const found = await measure(Number(resolution), Number(batch), Number(epsilon));
  console.error(`peak memory ${(process.resourceUsage().maxRSS / 2 ** 20).toFixed(2)} GiB`);
  console.log(found);
}
