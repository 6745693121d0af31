/**
 * How fast is a full training step of B0? `npx tsx bench/train-step.ts` prints pictures a second at 224, batch 16, and at 64, batch
 * 64; with PYTHON=path/to/python (bench/peers/README.md) also PyTorch's, alternating, which loads the malloc that PRELOAD names. `fixres 224 16 PREFIX` writes ONNX
 * Runtime's profile.
 */
import { fileURLToPath } from "node:url";
import { architecture, freshModel } from "fixres/models";
import { openSession } from "fixres/runtime";
import { defaultTrainOptions, initialState, sgd, stepForm, trainingStep } from "fixres/train";
import { rate, report, rounds, type Variant } from "./rounds.js";

const CASES = [
  { resolution: 224, batch: 16 },
  { resolution: 64, batch: 64 },
] as const;
const [variant, size = "224", pictures = "16", profilePrefix] = process.argv.slice(2);

async function measure(resolution: number, batch: number): Promise<number> {
  const model = freshModel(
    architecture("efficientnet_b0"),
    Array.from({ length: 1000 }, (_, i) => String(i)),
    0,
  );
  const options = { ...defaultTrainOptions({ resolution, dropout: 0 }), batchSize: batch, dropPath: 0 };
  const step = trainingStep(model, options, await stepForm());
  const session = await openSession(step.program, { where: "here", profilePrefix });
  await session.setState(initialState(step, sgd(), (name) => model.tensors.get(name)!.data));
  const feeds = {
    pixels: Uint8Array.from({ length: batch * resolution ** 2 * 3 }, (_, i) => (i * 7919) % 251),
    labels: Int32Array.from({ length: batch }, (_, i) => (i * 17) % 1000),
    "step/learningRate": Float32Array.of(0.01),
  };
  const result = await rate(batch, 3, 10, () => session.run(feeds));
  await session.dispose();
  return result;
}

if (variant === undefined) {
  const here = fileURLToPath(import.meta.url);
  const peer = fileURLToPath(new URL("peers/train_step.py", import.meta.url));
  for (const { resolution, batch } of CASES) {
    const at = [String(resolution), String(batch)];
    const ours: Variant = {
      name: "fixres",
      command: process.execPath,
      args: ["--import", "tsx", here, "fixres", ...at],
    };
    const { PYTHON: command, PRELOAD = "" } = process.env;
    const env = { LD_PRELOAD: PRELOAD };
    const theirs: Variant[] =
      command === undefined
        ? []
        : [
            { name: "PyTorch, compiled", command, args: [peer, ...at, "--compile"], env },
            { name: "PyTorch", command, args: [peer, ...at], env },
          ];
    report(`training step of B0 at ${resolution}, batch ${batch}, pictures/s`, rounds([ours, ...theirs], 5));
  }
} else console.log(await measure(Number(size), Number(pictures)));
