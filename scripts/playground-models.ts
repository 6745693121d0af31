/**
 * Makes what the playground comes with, in src/playground/public/: the demo's network, its weights in 8 bits; the same fixed for 40
 * px; and held-out pictures of Fashion-MNIST as one picture. Run after `npm run demo`:
 *   npx tsx scripts/playground-models.ts
 */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadModel, openSplits, sweep, testPreprocessing, tune } from "fixres";
import { percent, stderrProgress, table } from "fixres/cli";
import { writeSafetensors } from "fixres/weights";
import sharp from "sharp";
import { fashionFolder } from "../demo/fashion.js";
import { SWEEP, TRAIN_PER_CLASS, TRAIN_RESOLUTION, TUNE } from "../demo/recipe.js";
import { packedModels, rounded } from "../src/playground/shipped.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PUBLIC = join(ROOT, "src", "playground", "public");
/** The test resolution that the second model is fixed for, px: objects look about as large there as in training. */
const RESOLUTION = 40;
const SIDE = 28;
const EXAMPLES_PER_CLASS = 20;

const progress = stderrProgress();
const folder = await fashionFolder(join(ROOT, ".cache"), TRAIN_PER_CLASS, progress);
const data = await openSplits(folder);
const trained = await loadModel(process.argv[2] ?? join(ROOT, "out", "demo", "run", "model"));
const base = { ...trained, tensors: rounded(trained.tensors) };
const preprocessing = testPreprocessing(base.input, { resolution: TRAIN_RESOLUTION });

const directory = await mkdtemp(join(tmpdir(), "fixres-playground-"));
const options = { ...TUNE, preprocessing: { ...preprocessing, resolution: RESOLUTION } };
await tune(base, data, options, { directory, progress, cache: { where: "memory" } });
const fixed = await loadModel(directory);
await rm(directory, { recursive: true });

const { tensors, metadata } = packedModels({ base, fixed });
await writeSafetensors(join(PUBLIC, "models.safetensors"), tensors, metadata);

const swept = { resolutions: SWEEP, preprocessing, batchSize: 64, progress };
const curves = await Promise.all([trained, base, fixed].map((model) => sweep(model, data.val, swept)));
const rows = SWEEP.map((resolution, i) => [String(resolution), ...curves.map((curve) => percent(curve[i]!.top1))]);
console.log(table(["resolution", "trained", "in 8 bits", `fixed at ${RESOLUTION}`], rows));

const classes = (await readdir(join(folder, "val"))).sort();
const tiles = await Promise.all(
  classes.flatMap((name, row) =>
    Array.from({ length: EXAMPLES_PER_CLASS }, async (_, column) => ({
      input: join(folder, "val", name, `${String(column).padStart(4, "0")}.png`),
      left: column * SIDE,
      top: row * SIDE,
    })),
  ),
);
const canvas = {
  width: EXAMPLES_PER_CLASS * SIDE,
  height: classes.length * SIDE,
  channels: 3,
  background: "black",
} as const;
const sheet = sharp({ create: canvas }).composite(tiles).greyscale().png({ compressionLevel: 9 });
await writeFile(join(PUBLIC, "examples.png"), await sheet.toBuffer());
