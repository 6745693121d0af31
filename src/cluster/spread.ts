import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Queue } from "bullmq";
import type { Source } from "../data/index.js";
import { RequestError } from "../errors.js";
import type { Extracted, ExtractWork, Scored, ScoreWork, Truth } from "../evaluate/index.js";
import type { FeatureRows, FeatureWork } from "../fixres/index.js";
import { type Model, modelFingerprint } from "../models/index.js";
import { type Progress, silent } from "../progress.js";
import type { Device } from "../runtime/index.js";
import { packPictures, type RunSpec, runName, VERSIONS } from "./job.js";
import { listPictures, type SharedData, sourceSpec } from "./pictures.js";
import { connect, openQueue } from "./redis.js";
import { gather, type Run, type ShardOutcome } from "./run.js";
import { fileHash, storePath } from "./store.js";

export interface SpreadOptions extends Pick<SharedData, "root" | "overHttp"> {
  /** Address of Redis. */
  readonly queue: string;
  /** Pictures a shard; `SHARD_SIZE` unless given. */
  readonly shardSize?: number;
  /** What the command is called. */
  readonly command: string;
  /** Path of the model, which workers open too. */
  readonly model: string;
  /** How each source was opened. */
  readonly dataOf: (source: Source) => Pick<SharedData, "path" | "split" | "labels">;
  readonly device?: Device;
  readonly progress?: Progress;
}

/** Pictures a shard unless given: a second or more of work, some kilobytes in Redis. */
export const SHARD_SIZE = 256;

/** Work on pictures that the workers of a queue do, in the places that `evaluate`, `extract` and `tune` have for it. */
export interface Spread {
  score(work: ScoreWork): AsyncGenerator<Scored & { readonly by: string }>;
  extract(work: ExtractWork): AsyncGenerator<Extracted & { readonly by: string }>;
  features(work: FeatureWork): AsyncGenerator<FeatureRows & { readonly by: string }>;
  close(): Promise<void>;
}

/** What the kinds of work have in common. */
interface Work {
  readonly kind: RunSpec["work"];
  readonly model: Model;
  readonly source: Source;
  readonly order: Int32Array;
  readonly truth?: readonly Truth[];
  readonly preprocessing: RunSpec["preprocessing"];
  readonly batchSize: number;
  readonly onBadImage: RunSpec["onBadImage"];
  readonly resultBytes: number;
  readonly skip?: number;
  readonly signal?: AbortSignal;
}

/**
 * Opens a queue for a command.
 * @throws {RequestError | FailedError} where its Redis cannot be reached, or files lie where workers do not see them
 */
export async function openSpread(options: SpreadOptions): Promise<Spread> {
  const { shardSize = SHARD_SIZE, root, overHttp, device = "cpu", progress = silent } = options;
  const modelPath = storePath(root, options.model);
  const connection = await connect(options.queue, progress.note);
  const queue: Queue = await openQueue(connection, device);
  const models = new WeakMap<Model, Promise<RunSpec["model"]>>();
  const modelSpec = (model: Model): Promise<RunSpec["model"]> => {
    let found = models.get(model);
    if (found === undefined) {
      found = describeModel(model, modelPath, options);
      models.set(model, found);
    }
    return found;
  };

  async function* spread(work: Work): AsyncGenerator<ShardOutcome> {
    const { kind, source, order, truth, preprocessing, batchSize, onBadImage, resultBytes } = work;
    const shared = { root, overHttp, ...options.dataOf(source) };
    const opened = sourceSpec(source, shared);
    const { competing, name } = source;
    const spec: RunSpec = {
      format: "fixres-run-1",
      versions: VERSIONS,
      work: kind,
      model: await modelSpec(work.model),
      preprocessing,
      ...{ batchSize, device, onBadImage },
      data: { name, ...(competing && { competing: [...competing] }), ...(opened && { source: opened }) },
    };
    const run: Run = {
      name: runName(spec, shardSize, orderHash(source, order, truth)),
      spec,
      about: { task: options.command, model: options.model, data: name },
      ...{ pictures: order.length, shardSize, resultBytes, skip: work.skip ?? 0 },
      anyOrder: kind.kind === "features",
      picturesOf: async (start, count) =>
        packPictures(await listPictures(source, order.subarray(start, start + count), shared, truth)),
    };
    yield* gather(connection, queue, run, { signal: work.signal, note: progress.note });
  }

  return {
    async *score({ model, source, batchSize, start, truth, preprocessing, onBadImage = "fail", signal }) {
      // The same shards wherever an earlier run was stopped, so that what the queue has done counts.
      const first = start % shardSize;
      const order = indicesFrom(first, source.samples.length);
      const common = { model, source, order, truth, preprocessing, batchSize, onBadImage, signal };
      const skip = (start - first) / shardSize;
      for await (const shard of spread({ ...common, kind: { kind: "scores" }, skip, resultBytes: 80 }))
        yield { ...scoredOf(shard, order, source, truth), end: first + shard.start + shard.count, by: shard.by };
    },
    async *extract({ model, source, batchSize, preprocessing, onBadImage = "fail", signal }) {
      const order = indicesFrom(0, source.samples.length);
      const common = { model, source, order, preprocessing, batchSize, onBadImage, signal };
      const resultBytes = 4 * (model.classes.length + 2048);
      for await (const shard of spread({ ...common, kind: { kind: "extract" }, resultBytes })) {
        const { positions: _, softmax = new Float32Array(0), features = new Float32Array(0) } = shard.result.arrays;
        yield {
          softmax: softmax as Float32Array,
          features: features as Float32Array,
          samples: samplesOf(shard, order),
          bad: shard.result.bad,
          end: shard.start + shard.count,
          by: shard.by,
        };
      }
    },
    async *features({ options: asked, order, draw, batchSize, rowBytes }) {
      const { model, source, mode, type, shown, transform, onBadImage, signal, progress: own = silent } = asked;
      const drawn = transform.deterministic ? { seed: 0, draw: 0 } : { seed: asked.seed, draw };
      const kind = { kind: "features", mode, type, recipe: shown.recipe, ...drawn } as const;
      const { preprocessing } = shown;
      const common = { model, source, order, preprocessing, batchSize, onBadImage, signal };
      const task = own.start("features by the queue", order.length, "pictures");
      try {
        for await (const shard of spread({ ...common, kind, resultBytes: rowBytes })) {
          task.advance(shard.count, shard.by);
          const { rows = new Uint16Array(0) } = shard.result.arrays;
          const { bad } = shard.result;
          yield { rows, samples: samplesOf(shard, order), bad, end: shard.start + shard.count, by: shard.by };
        }
      } finally {
        task.end();
      }
    },
    async close() {
      await queue.close().catch(() => {});
      await connection.close();
    },
  };
}

const indicesFrom = (first: number, length: number): Int32Array =>
  Int32Array.from({ length: length - first }, (_, i) => first + i);

const samplesOf = ({ start, result }: ShardOutcome, order: Int32Array): Int32Array =>
  Int32Array.from(result.arrays.positions as Int32Array, (position) => order[start + position]!);

function scoredOf(
  shard: ShardOutcome,
  order: Int32Array,
  source: Source,
  truth: readonly Truth[] | undefined,
): Pick<Scored, "scores" | "samples" | "bad"> {
  const samples = samplesOf(shard, order);
  const { arrays, bad } = shard.result;
  const {
    top1 = new Uint8Array(0),
    top5 = new Uint8Array(0),
    loss = new Float64Array(0),
    top = new Int32Array(0),
    probability = new Float64Array(0),
  } = arrays as Record<string, never>;
  const kept = samples.length === 0 ? 0 : (top as Int32Array).length / samples.length;
  const prediction = Int32Array.from(samples, (_, i) => top[i * kept]!);
  const answers = Array.from(samples, (sample) => truth?.[sample] ?? source.samples[sample]!.label);
  return { scores: { truth: answers, top1, top5, loss, top, probability, prediction }, samples, bad };
}

/** What a run is about, picture by picture. */
function orderHash({ samples }: Source, order: Int32Array, truth: readonly Truth[] | undefined): string {
  const hash = createHash("sha256");
  for (const index of order) {
    const { name, label } = samples[index]!;
    hash.update(`${index} ${name} ${truth?.[index] ?? label}\n`);
  }
  return hash.digest("hex");
}

async function describeModel(
  model: Model,
  path: string,
  { model: place, overHttp }: Pick<SpreadOptions, "model" | "overHttp">,
): Promise<RunSpec["model"]> {
  const { mean, std } = model.input;
  const spec = { path, fingerprint: modelFingerprint(model), mean: [...mean], std: [...std] };
  if (!overHttp) return spec;
  const isFolder = (await stat(place)).isDirectory();
  const names = isFolder ? (await readdir(place)).filter((name) => MODEL_FILES.includes(name)) : [""];
  if (names.length === 0) throw new RequestError(`"${place}" holds no model; give a model directory or an ONNX file.`);
  const files = await Promise.all(names.map(async (name) => ({ name, ...(await fileHash(join(place, name))) })));
  return { ...spec, files };
}

/** What a model directory holds that workers need. */
const MODEL_FILES = ["model.json", "weights.safetensors", "model.onnx"];
