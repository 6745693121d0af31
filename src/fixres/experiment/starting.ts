import { stat } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../../files.js";
import { architecture, importModel, loadModel, type Model, publishedWeights, saveModel } from "../../models/index.js";
import type { Progress } from "../../progress.js";
import { fetchFromHub, hubName, hubSettings, openWeights, pinned } from "../../weights/index.js";

export interface StartingOptions {
  /** A weight file or a model directory on this disk instead of the hub's. */
  readonly from?: string;
  /** Whether the network is left alone, and what the hub's cache holds is taken. */
  readonly offline?: boolean;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/**
 * Published weights as a model directory: from the hub (`timm/NAME`), or from a file of theirs. A directory that is there stays. A
 * model that is given is taken as it is, whatever it is, for trials with another network.
 * @param name - timm's, such as `tf_efficientnet_b0.ap_in1k`  @param directory - to write
 */
export async function startingModel(name: string, directory: string, options: StartingOptions): Promise<Model> {
  const { from, progress } = options;
  if (await exists(join(directory, "model.json"))) return loadModel(directory);
  const model = from !== undefined && (await isModel(from)) ? await loadModel(from) : await imported(name, options);
  model.notes?.forEach(progress.note);
  await saveModel(directory, model);
  return loadModel(directory);
}

/** A directory without a `model.json` may be a TensorFlow checkpoint's. */
async function isModel(path: string): Promise<boolean> {
  if (path.endsWith(".onnx")) return true;
  return (await stat(path).catch(() => null))?.isDirectory() === true && (await exists(join(path, "model.json")));
}

async function imported(name: string, { from, offline = false, progress, signal }: StartingOptions): Promise<Model> {
  const { architecture: arch, input } = publishedWeights(name);
  const found = from === undefined ? await fetched(name, offline, progress, signal) : { path: from, from };
  const source = await openWeights(found.path);
  try {
    const { model, notes } = await importModel(source, { ...found, arch: architecture(arch), input });
    notes.forEach(progress.note);
    return model;
  } finally {
    await source.close();
  }
}

async function fetched(name: string, offline: boolean, progress: Progress, signal?: AbortSignal) {
  const settings = await hubSettings();
  const where = { ...settings, offline: offline || settings.offline };
  const { path, origin } = await fetchFromHub(hubName(`hub:timm/${name}`)!, where, { progress, signal });
  return { path, from: pinned(origin), origin };
}
