/**
 * What does tuning at each resolution cost beyond the passes through the trunk? `npx tsx bench/sweep-tune.ts [MODE] [PICTURES]` tunes B0 at
 * eight resolutions on JPEGs of 500 x 375 that it makes, as `fixres sweep --tune` does, beside the features of the same pictures alone.
 */
import { cpus } from "node:os";
import { architecture, choose, freshModel, openSplits, testPreprocessing, tuneDefaults } from "fixres";
import type { TuneModeName } from "fixres/tune";
import { Features } from "../src/fixres/features/features.js";
import { testFeatures, viewOptions } from "../src/fixres/features/views.js";
import { addPictures, withPictures } from "./pictures.js";
import { median } from "./rounds.js";

const RESOLUTIONS = [160, 192, 224, 256, 288, 320, 352, 384];
const ROUNDS = 3;
const [mode = "classifier", count = "320"] = process.argv.slice(2) as [TuneModeName?, string?];

/** Wall and processor's seconds of some work. */
async function timed(work: () => Promise<void>): Promise<{ wall: number; cpu: number }> {
  const [started, used] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(used);
  return { wall: (performance.now() - started) / 1000, cpu: (user + system) / 1e6 };
}

await withPictures(10, async (directory) => {
  await addPictures(directory, "train", Number(count), 100);
  const data = await openSplits(directory);
  const model = freshModel(architecture("efficientnet_b0"), data.train.classes, 0);
  const candidates = RESOLUTIONS.map((resolution) => {
    const preprocessing = testPreprocessing(model.input, { resolution });
    return { ...tuneDefaults("test"), mode, selectOn: "holdout" as const, preprocessing };
  });
  const cache = { where: "memory" } as const;
  const passes = async (): Promise<void> => {
    for (const options of candidates) {
      const given = viewOptions(model, data.train, options, { cache });
      const features = await Features.open(testFeatures(given, options, options.cacheType));
      const all = Int32Array.from({ length: data.train.samples.length }, (_, i) => i);
      for await (const _ of features.batches(all, { batchSize: options.batchSize, partial: true }));
      await features.dispose();
    }
  };
  const sweeping = async (): Promise<void> => {
    await choose(model, data, candidates, {}, { cache });
  };
  console.log(
    `${mode}, ${count} pictures (${cpus()[0]!.model}, ${cpus().length} cores, Node ${process.versions.node})`,
  );
  const ratios: { wall: number; cpu: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const alone = await timed(passes);
    const tuned = await timed(sweeping);
    ratios.push({ wall: tuned.wall / alone.wall, cpu: tuned.cpu / alone.cpu });
    console.log(`  passes alone ${alone.wall.toFixed(1)} s, with tuning ${tuned.wall.toFixed(1)} s`);
  }
  for (const part of ["wall", "cpu"] as const) {
    const all = ratios.map((ratio) => ratio[part]);
    console.log(`  ${part}: median ${median(all).toFixed(3)} of ${all.map((v) => v.toFixed(3)).join(", ")}`);
  }
});
