/**
 * What does an epoch over kept features cost? `npx tsx bench/tune.ts` tunes B0 at 224 on 256 JPEGs of 500x375 that it makes, in
 * each mode, and prints the median later epoch as a share of the first.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { architecture, freshModel, openSplits, TUNE_DEFAULTS, testPreprocessing, tune } from "fixres";
import { TUNE_MODES, type TuneModeName } from "fixres/tune";
import sharp from "sharp";
import { median } from "./rounds.js";

const CLASSES = 8;
const ROUNDS = 3;
const directory = await mkdtemp(join(tmpdir(), "fixres-bench-"));
for (const [split, count] of [
  ["train", 32],
  ["val", 2],
] as const) {
  for (let c = 0; c < CLASSES; c++) {
    const folder = join(directory, split, `class-${c}`);
    await mkdir(folder, { recursive: true });
    for (let i = 0; i < count; i++) {
      const noise = { type: "gaussian", mean: 100 + 10 * c, sigma: 30 } as const;
      const picture = sharp({ create: { width: 500, height: 375, channels: 3, background: "#000", noise } });
      await picture.jpeg({ quality: 90 }).toFile(join(folder, `${i}.jpg`));
    }
  }
}
const data = await openSplits(directory);
const model = freshModel(architecture("efficientnet_b0"), data.train.classes, 0);
const preprocessing = testPreprocessing(model.input);
for (const mode of Object.keys(TUNE_MODES) as TuneModeName[]) {
  const shares: number[] = [];
  let rate = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const options = { ...TUNE_DEFAULTS, mode, preprocessing, epochs: 6 };
    const { epochSeconds } = await tune(model, data, options, {
      directory: join(directory, "out"),
      cache: { where: "memory" },
    });
    const [first, ...later] = epochSeconds;
    shares.push(median(later) / first!);
    rate = data.train.samples.length / first!;
  }
  const all = shares.map((share) => `${(100 * share).toFixed(2)}%`).join(", ");
  console.log(
    `${mode}: a later epoch takes ${(100 * median(shares)).toFixed(2)}% of the first (${all}; first: ${rate.toFixed(1)} pictures/s)`,
  );
}
await rm(directory, { recursive: true });
