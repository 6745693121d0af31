import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  architecture,
  freshModel,
  loadModel,
  type Model,
  openSplits,
  type Source,
  testPreprocessing,
  train,
} from "fixres";
import { stderrProgress } from "fixres/cli";
import { extract } from "fixres/evaluate";
import type { LinearClassifier } from "fixres/tune";
import { openNpy } from "fixres/weights";
import { fashionFolder } from "../demo/fashion.js";
import { NETWORK, TRAIN, TRAIN_RESOLUTION } from "../demo/recipe.js";
import { openProduct } from "../src/fixres/solver/products.js";
import { random } from "../src/random.js";

/** Features with their classes, as a network's pooling gives them. */
export interface LabelledFeatures {
  /** [labels.length, width] */
  readonly features: Float32Array;
  readonly labels: Int32Array;
}

/** Factors that lie behind the features, as a share of them. */
const FACTORS = 1 / 4;

/** How far class means are apart in the factors, whose spread within a class is 1. */
const APART = 0.35;

/**
 * Features that are made up: class means and noise in fewer factors, whose strength falls as 1 / sqrt(k); mixed, moved and through
 * Swish, so that most are near its least; scales that differ from feature to feature. A class's rows follow one another in turn.
 */
export async function madeUpFeatures(
  rows: number,
  width: number,
  classes: number,
  seed: number,
): Promise<LabelledFeatures> {
  const factors = Math.round(width * FACTORS);
  const normals = (name: string, length: number): Float32Array => {
    const stream = random(seed, name);
    return Float32Array.from({ length }, () => stream.normal());
  };
  const mix = normals("mix", width * factors).map((v, i) => (0.5 * v) / Math.sqrt(1 + (i % factors)));
  const means = normals("means", classes * factors);
  const scales = normals("scales", width).map((v) => Math.exp(0.7 * v));
  const labels = Int32Array.from({ length: rows }, (_, i) => i % classes);
  const behind = normals("rows", rows * factors).map(
    (v, i) => v + APART * means[labels[Math.floor(i / factors)]! * factors + (i % factors)]!,
  );
  const product = await openProduct("float32", {});
  const features = await product.of(behind, mix, [rows, width, factors]);
  await product.dispose();
  const stream = random(seed, "noise");
  for (let i = 0; i < features.length; i++) {
    const x = features[i]! + 0.3 * stream.normal() - 0.5;
    features[i] = (scales[i % width]! * x) / (1 + Math.exp(-x));
  }
  return { features, labels };
}

/** Pictures of each class that the network is trained on, and the classifier fitted to. */
const PER_CLASS = 600;

/** Where the features are computed: above the resolution that the network is trained at. */
const FIX_RESOLUTION = 40;

/** Features of Fashion-MNIST at a test resolution by the demo's network, trained on as many pictures, and its classifier. */
export async function fashionFeatures(): Promise<{
  train: LabelledFeatures;
  val: LabelledFeatures;
  start: LinearClassifier;
}> {
  const progress = stderrProgress();
  const cache = fileURLToPath(new URL("../.cache", import.meta.url));
  const data = await openSplits(await fashionFolder(cache, PER_CLASS, progress));
  const fresh = freshModel(architecture(NETWORK.name, NETWORK), data.train.classes, TRAIN.seed);
  const preprocessing = testPreprocessing(fresh.input, { resolution: TRAIN_RESOLUTION });
  const directory = await mkdtemp(join(tmpdir(), "fixres-bench-"));
  const trained = await train(fresh, data, TRAIN, preprocessing, { directory, progress });
  const model = await loadModel(trained.model);
  const at = { ...preprocessing, resolution: FIX_RESOLUTION };
  const of = async (source: Source, name: string): Promise<LabelledFeatures> => {
    const { files } = await extract(join(directory, name), name, model as Model, source, {
      preprocessing: at,
      progress,
    });
    const [features, labels] = [await rowsOf(files.features), await rowsOf(files.labels)];
    return { features: features as Float32Array, labels: Int32Array.from(labels as BigInt64Array, Number) };
  };
  const found = { train: await of(data.train, "train"), val: await of(data.val, "val") };
  await rm(directory, { recursive: true });
  const tensor = (name: string): Float32Array => model.tensors.get(name)!.data as Float32Array;
  return { ...found, start: { weight: tensor("classifier.weight"), bias: tensor("classifier.bias") } };
}

async function rowsOf(path: string) {
  const file = await openNpy(path, "features");
  const rows = await file.rows(0, file.shape[0]!);
  await file.close();
  return rows;
}
