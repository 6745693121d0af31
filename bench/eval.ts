/**
 * How fast is an evaluation, from files to top-1? `npx tsx bench/eval.ts` prints pictures a second of B0 at 224 on 600 JPEGs of 500 x
 * 375, the share of what decoding and inference would allow if they had a core each of two (measured apart, one core each); with
 * PYTHON=path/to/python (bench/peers/README.md) also timm's validation loop, alternating, which loads the malloc that PRELOAD names.
 */
import { fileURLToPath } from "node:url";
import { loadBatches, openSplit, testTransform } from "fixres/data";
import { evaluate, testPreprocessing } from "fixres/evaluate";
import { architecture, freshModel, inferenceProgram } from "fixres/models";
import { openSession } from "fixres/runtime";
import { withPictures } from "./pictures.js";
import { median, rate, report, rounds, type Variant } from "./rounds.js";

const PICTURES = 600;
/** As `eval` has it on a CPU. */
const BATCH = 4;
const [variant, data = ""] = process.argv.slice(2);
const model = freshModel(
  architecture("efficientnet_b0"),
  Array.from({ length: 1000 }, (_, i) => String(i)),
  0,
);
const preprocessing = testPreprocessing(model.input);

async function measure(): Promise<number> {
  switch (variant) {
    case "fixres": {
      const source = await openSplit(data, "val");
      // As with timm, the second pass counts: the first compiles.
      await evaluate(model, source, { preprocessing });
      return (await evaluate(model, source, { preprocessing })).imagesPerSecond;
    }
    // The two parts of it, each on one core.
    case "decoding": {
      await decodeAll();
      return decodeAll();
    }
    case "inference": {
      const program = inferenceProgram(model, { resolution: preprocessing.resolution, batch: BATCH });
      const session = await openSession(program, { threads: 1, where: "here" });
      const pixels = Uint8Array.from({ length: BATCH * 224 ** 2 * 3 }, (_, i) => (i * 7919) % 251);
      return rate(BATCH, 10, 100, () => session.run({ pixels }));
    }
    default:
      throw new Error(`"${variant}" is no variant`);
  }
}

async function decodeAll(): Promise<number> {
  const order = { batchSize: BATCH, seed: 0, epoch: 0, shuffle: false, ahead: 8 };
  const source = await openSplit(data, "val");
  const started = performance.now();
  let count = 0;
  for await (const batch of loadBatches(source, { transform: testTransform(preprocessing), ...order }))
    count += batch.count;
  return count / ((performance.now() - started) / 1000);
}

async function main(): Promise<void> {
  const peer = fileURLToPath(new URL("peers/eval.py", import.meta.url));
  await withPictures(PICTURES, (directory) => {
    const ours = (name: string): Variant => ({
      name,
      command: "taskset",
      args: [
        ...["-c", name === "fixres" ? "0-1" : "0"],
        ...[process.execPath, "--import", "tsx", fileURLToPath(import.meta.url), name, directory],
      ],
    });
    const { PYTHON, PRELOAD = "" } = process.env;
    const timm = (name: string, ...more: string[]): Variant => ({
      ...{ name, command: "taskset", env: { LD_PRELOAD: PRELOAD } },
      args: ["-c", "0-1", PYTHON!, peer, directory, ...more],
    });
    const theirs = PYTHON === undefined ? [] : [timm("timm")];
    const found = rounds([ours("fixres"), ours("decoding"), ours("inference"), ...theirs], 5);
    report(`evaluation of B0 at 224 on ${PICTURES} JPEGs of 500 x 375, pictures/s`, found);
    const of = (name: string): number => median(found.get(name)!);
    const bound = 2 / (1 / of("decoding") + 1 / of("inference"));
    console.log(`  bound by two cores: ${bound.toFixed(1)}; reached: ${(of("fixres") / bound).toFixed(3)}`);
  });
}

if (variant === undefined) await main();
else console.log(await measure());
