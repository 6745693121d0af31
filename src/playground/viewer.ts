import { CROP_SCALE } from "../data/pure.js";
import { trainedResolution } from "../fixres/pure.js";
import { inferenceGraph, isOnnxNetwork, type Model, possibleBatch, weightsOf } from "../models/pure.js";
import { packed, type Session } from "../runtime/pure.js";
import { openProgram } from "../web/tune.js";
import { classActivation, type LastMaps, lastMaps } from "./activation.js";
import type { Looked, LookRequest, ModelCard } from "./protocol.js";

/** What a browser can be told of ONNX Runtime's .wasm file. */
export type WasmPaths = { readonly wasm: string };

/** Resolutions that stay open. */
const OPEN = 4;

interface Opened {
  readonly session: Session;
  readonly last: LastMaps | null;
  readonly batch: number;
}

/** A model that looks at crops of any resolution: a session each, of which some stay open. */
export class Viewer {
  private readonly opened = new Map<number, Promise<Opened>>();

  constructor(
    readonly model: Model,
    readonly name: string,
    private readonly wasmPaths: WasmPaths,
    private readonly smallestCrop: number = CROP_SCALE[0],
  ) {}

  get card(): ModelCard {
    const { arch, classes, input } = this.model;
    const { mean: _, std: __, ...preprocessing } = input;
    const fixed = isOnnxNetwork(arch) ? (arch.only ?? arch.input.resolution) : null;
    return {
      name: this.name,
      classes,
      preprocessing,
      trainResolution: trainedResolution(this.model),
      smallestCrop: this.smallestCrop,
      only: fixed,
    };
  }

  async look({ resolution, pixels, shown }: Omit<LookRequest, "slot">): Promise<Looked> {
    const { session, last, batch } = await this.sessionAt(resolution);
    const all = new Uint8Array(batch * pixels.length);
    all.set(pixels);
    const { logits, maps } = await session.run({ pixels: all });
    const probabilities = softmax((logits as Float32Array).subarray(0, this.model.classes.length));
    const wanted = shown ?? probabilities.indexOf(Math.max(...probabilities));
    if (last === null) return { resolution, probabilities, shown: wanted, activation: null };
    const [, channels, height, width] = last.maps.shape as readonly [number, number, number, number];
    const first = (maps as Float32Array).subarray(0, channels * height * width);
    const activation = classActivation(first, last.weightsOf(wanted), height, width);
    return { resolution, probabilities, shown: wanted, activation };
  }

  async dispose(): Promise<void> {
    const all = [...this.opened.values()];
    this.opened.clear();
    await Promise.allSettled(all.map(async (opened) => (await opened).session.dispose()));
  }

  private sessionAt(resolution: number): Promise<Opened> {
    const found = this.opened.get(resolution) ?? this.open(resolution);
    // The one that was used last comes last.
    this.opened.delete(resolution);
    this.opened.set(resolution, found);
    for (const [old, opened] of [...this.opened].slice(0, -OPEN)) {
      this.opened.delete(old);
      opened.then(({ session }) => session.dispose()).catch(() => {});
    }
    // Whoever asked is told; whoever asks again may have more luck.
    found.catch(() => this.opened.delete(resolution));
    return found;
  }

  private async open(resolution: number): Promise<Opened> {
    const { model } = this;
    const batch = possibleBatch(model, { resolution, batch: 1 });
    const graph = inferenceGraph(model, { resolution, batch });
    const last = lastMaps(graph, model.tensors, model.classes.length);
    const outputs = { ...graph.outputs, ...(last && { maps: last.maps }) };
    const program = packed({ ...graph, outputs }, weightsOf(model));
    return { session: await openProgram(program, this.name, { wasmPaths: this.wasmPaths, threads: 1 }), last, batch };
  }
}

function softmax(logits: Float32Array): Float32Array {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
