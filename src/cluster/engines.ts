import { testTransform } from "../data/index.js";
import { extractPictures, openExtracting, openScoring, scorePictures } from "../evaluate/index.js";
import { openTrunk, recipe, type TuneModeName, trunkRows } from "../fixres/index.js";
import { loadModel, type Model, modelFingerprint } from "../models/index.js";
import type { TypedArray } from "../onnx/index.js";
import type { RunSpec } from "./job.js";
import type { ShardSource } from "./pictures.js";
import { joined } from "./result.js";
import { openSteps } from "./steps.js";
import { type Store, Unavailable } from "./store.js";

/** Sessions that stay open; one more, and the one that was not used for longest is closed. */
const KEPT = 2;

type Rows = { readonly bad: readonly { name: string; reason: string }[]; readonly arrays: Record<string, TypedArray> };

/** What computes shards of one kind of run. */
interface Engine {
  compute(source: ShardSource, signal: AbortSignal, spec: RunSpec): Promise<Rows>;
  dispose(): Promise<void>;
}

interface Kept {
  readonly key: string;
  readonly engine: Promise<Engine>;
  users: number;
}

/** Computes shards; models and sessions are kept from shard to shard. */
export interface Engines {
  /**
   * @throws {Refusal} where the store's model is another than the job's
   * @throws {Unavailable} where the store does not answer
   */
  compute(spec: RunSpec, source: ShardSource, signal: AbortSignal): Promise<Rows>;
  dispose(): Promise<void>;
}

/** What a worker does not do, since it would give other numbers. */
export class Refusal extends Unavailable {}

export function openEngines(store: Store, threads: number | undefined): Engines {
  const kept: Kept[] = [];
  const close = async ({ engine }: Kept): Promise<void> => {
    await (await engine.catch(() => null))?.dispose();
  };
  const taken = (spec: RunSpec): Kept => {
    const key = JSON.stringify([spec.work, spec.model, spec.preprocessing, spec.batchSize, spec.device]);
    let found = kept.find((one) => one.key === key);
    if (found === undefined) {
      found = { key, engine: openEngine(spec, store, threads), users: 0 };
      const own = found;
      own.engine.catch(() => {
        // Opened anew by the next job.
        if (kept.includes(own)) kept.splice(kept.indexOf(own), 1);
      });
    } else kept.splice(kept.indexOf(found), 1);
    kept.unshift(found);
    found.users++;
    return found;
  };
  return {
    async compute(spec, source, signal) {
      const own = taken(spec);
      try {
        return await (await own.engine).compute(source, signal, spec);
      } finally {
        own.users--;
        for (const old of kept.slice(KEPT).filter(({ users }) => users === 0)) {
          kept.splice(kept.indexOf(old), 1);
          await close(old);
        }
      }
    },
    async dispose() {
      for (const one of kept.splice(0)) await close(one);
    },
  };
}

/** The model of a job, which is the one that the command has or none. */
async function modelOf({ model: wanted }: RunSpec, store: Store): Promise<Model> {
  const { path, files, fingerprint, mean, std } = wanted;
  let place = store.local(path);
  if (place === null) {
    if (files === undefined)
      throw new Unavailable(
        `the job tells no files of the model "${path}", which is fetched from ${store.name}; give --over-http to the command`,
      );
    const own = files.map(({ name, size, sha256 }) => ({
      ...{ size, sha256, path: name === "" ? path : `${path}/${name}` },
      as: name === "" ? "model.onnx" : name,
    }));
    place = await store.folder(fingerprint, own);
    if (files.length === 1 && files[0]!.name === "") place = `${place}/model.onnx`;
  }
  const found = await loadModel(place).catch((error: Error) => {
    throw new Unavailable(error.message);
  });
  const model = { ...found, input: { ...found.input, mean, std } };
  const own = modelFingerprint(model);
  if (own !== fingerprint)
    throw new Refusal(
      `the model "${path}" in ${store.name} has the hash ${own.slice(0, 12)}, where the job wants ${fingerprint.slice(0, 12)}`,
    );
  return model;
}

async function openEngine(spec: RunSpec, store: Store, threads: number | undefined): Promise<Engine> {
  const model = await modelOf(spec, store);
  const { work, preprocessing, batchSize, device, onBadImage } = spec;
  const computing = { preprocessing, batchSize, device, threads };
  switch (work.kind) {
    case "scores": {
      const opened = await openScoring(model, computing);
      return engine(opened.pool, ({ source, order, truth }, signal) =>
        collected(
          scorePictures(opened, model, source, { preprocessing, onBadImage, truth, order, signal }),
          (part) => {
            const { truth: _, prediction: __, ...scores } = part.scores;
            return { ...scores };
          },
          order,
        ),
      );
    }
    case "extract": {
      const opened = await openExtracting(model, computing);
      return engine(opened.pool, ({ source, order }, signal) =>
        collected(
          extractPictures(opened, model, source, { preprocessing, onBadImage, order, signal }),
          // Views on what the session has given.
          ({ softmax, features }) => ({ softmax, features: features.slice() }),
          order,
        ),
      );
    }
    case "features": {
      const { recipe: name, seed, draw, type } = work;
      const shown = { recipe: name, preprocessing };
      const transform = name === "test" ? testTransform(preprocessing) : recipe(name).transform(preprocessing);
      const nowhere = { name: "", classes: [], samples: [], notes: [] };
      const options = {
        ...{
          model,
          mode: work.mode as TuneModeName,
          transform,
          described: "",
          seed,
          draw,
          copies: 1,
          type,
          onBadImage,
          shown,
        },
        ...{ source: nowhere, cache: { where: "none" as const }, device, threads },
      };
      const trunk = await openTrunk(options, batchSize);
      return engine(trunk.pool, ({ source, order }, signal) =>
        collected(trunkRows(trunk, { ...options, source, signal }, order, draw), ({ rows }) => ({ rows }), order),
      );
    }
    case "steps": {
      const steps = openSteps(spec, model, store, threads);
      return {
        async compute({ source, order }, signal, own) {
          const found = await steps.compute(own, source, order[0]!, signal);
          return { bad: [], arrays: { positions: Int32Array.of(0), ...found } };
        },
        dispose: steps.dispose,
      };
    }
    default:
      return work satisfies never;
  }
}

const engine = (pool: { dispose(): Promise<void> }, compute: Engine["compute"]): Engine => ({
  compute,
  dispose: () => pool.dispose(),
});

/** All batches of a shard as one. */
async function collected<
  Part extends { readonly samples: ArrayLike<number>; readonly bad: readonly { name: string; reason: string }[] },
>(
  parts: AsyncIterable<Part>,
  arraysOf: (part: Part) => Readonly<Record<string, TypedArray>>,
  order: Int32Array,
): Promise<Rows> {
  const position = new Map(Array.from(order, (index, i) => [index, i]));
  const bad: { name: string; reason: string }[] = [];
  const arrays: Readonly<Record<string, TypedArray>>[] = [];
  for await (const part of parts) {
    bad.push(...part.bad);
    const positions = Int32Array.from(part.samples, (sample) => position.get(sample)!);
    arrays.push({ positions, ...arraysOf(part) });
  }
  return { bad, arrays: joined(arrays) };
}
