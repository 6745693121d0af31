import { loadBatches, orderOf, type Splits } from "../data/index.js";
import { DataError } from "../errors.js";
import type { Model } from "../models/index.js";
import { ARRAYS, elements, type TypedArray } from "../onnx/index.js";
import { type Progress, silent } from "../progress.js";
import { openSession, type Program, type Session } from "../runtime/index.js";
import { cutOf, type FeatureBatch, type FeatureOptions, Features } from "./features.js";
import { fitBySgd, scoredFeatures } from "./fit.js";
import type { TuneOptions } from "./options.js";
import { threadsOf } from "./planned.js";
import { type Division, type Feature, freshTensors, topProgram } from "./top.js";
import type { TuneSurroundings } from "./tune.js";

/** Seconds for which each part is measured; where a single run takes longer, two or three runs of it. */
const SECONDS = { decode: 0.4, train: 1.6, val: 0.8, step: 0.8, scoring: 0.4 } as const;

/** Pictures that a measurement has at most, repeated where the data have fewer. */
const MOST_PICTURES = 20_000;

/** Milliseconds between two looks at how much memory is in use. */
const WATCH_MS = 10;

/** How fast features come to be. */
export interface TrunkPace {
  readonly picturesPerSecond: number;
  /** Until the first batch was there, less what it takes to compute it. */
  readonly openingSeconds: number;
  /** What sessions, their weights and activations, and the pictures under way have taken, bytes. */
  readonly memoryBytes: number;
}

/** What a short measurement on this machine has found. */
export interface Measured {
  /** Reading, decoding and transforming alone. */
  readonly decodedPerSecond: number;
  /** Null for a part whose features are all there. */
  readonly train: TrunkPace | null;
  readonly val: TrunkPace | null;
  readonly step: { readonly seconds: number; readonly openingSeconds: number; readonly memoryBytes: number };
  /** One batch of features scored. */
  readonly scoring: { readonly seconds: number; readonly openingSeconds: number; readonly memoryBytes: number };
  /** Of this process before the measurement, with the model's weights. */
  readonly baseBytes: number;
  /** What the measurement itself took. */
  readonly seconds: number;
}

/** What is measured. */
export interface Measurement {
  readonly model: Model;
  readonly data: Splits;
  readonly options: TuneOptions;
  readonly surroundings: Omit<TuneSurroundings, "directory">;
  readonly divisions: { readonly train: Division; readonly val: Division };
  readonly features: Readonly<Record<"train" | "val", FeatureOptions>>;
  /** Parts whose features are all kept from earlier runs, so that no trunk will run. */
  readonly found: Readonly<Record<"train" | "val", boolean>>;
}

/**
 * Does for a few seconds what a tuning does for long, by the same code: pictures of the data through loader and trunk, training steps
 * and scores on what comes out. Nothing is kept.
 * @throws {DataError} for a picture that cannot be read, as the tuning would
 */
export async function measured(given: Measurement): Promise<Measured> {
  const { options, surroundings, divisions, features, found } = given;
  const resources: { dispose(): Promise<void> }[] = [];
  const watch = memoryWatch();
  const started = performance.now();
  const open = async (program: Program): Promise<Session> => {
    const { device, threads } = surroundings;
    const session = await openSession(program, { device, threads });
    resources.push(session);
    return session;
  };
  const task = (surroundings.progress ?? silent).start("measure", 5, "parts");
  try {
    const decodedPerSecond = await decoding(features.train);
    task.advance(1);
    const baseBytes = watch.grown();
    const trunk = async (part: "train" | "val") => {
      const own = found[part] ? null : await trunkPace(features[part], SECONDS[part], resources);
      task.advance(1);
      return { rows: own?.rows ?? [], pace: own && { ...own.pace, memoryBytes: watch.grown() } };
    };
    const train = await trunk("train");
    const val = await trunk("val");
    const { batchSize } = options;
    const start = startOf(given);
    const trainBatch = batchOfRows(train.rows, divisions.train.features, batchSize);
    const step = { ...(await stepPace(given, start, trainBatch, open)), memoryBytes: watch.grown() };
    task.advance(1);
    const valBatch = batchOfRows(val.rows, divisions.val.features, batchSize);
    const scoring = { ...(await scoringPace(given, start, valBatch, open)), memoryBytes: watch.grown() };
    task.advance(1);
    const seconds = (performance.now() - started) / 1000;
    return { decodedPerSecond, train: train.pace, val: val.pace, step, scoring, baseBytes, seconds };
  } finally {
    watch.stop();
    task.end();
    for (const resource of resources.reverse()) await resource.dispose();
  }
}

/** The peak of this process's memory, and by how much it has grown since it was asked for last. */
function memoryWatch() {
  let [peak, told] = [0, 0];
  const look = (): void => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const timer = setInterval(look, WATCH_MS).unref();
  return {
    grown(): number {
      look();
      const grown = peak - told;
      told = peak;
      return grown;
    },
    stop: () => clearInterval(timer),
  };
}

/** Pictures in a random order, over and over. */
function picturesOf({ source, seed }: FeatureOptions): Int32Array {
  const order = orderOf(source.samples.length, { seed, epoch: 0, shuffle: true });
  return Int32Array.from({ length: MOST_PICTURES }, (_, i) => order[i % order.length]!);
}

const secondsSince = (time: number): number => (performance.now() - time) / 1000;

async function decoding(options: FeatureOptions): Promise<number> {
  const { source, transform, seed, onBadImage, signal } = options;
  const random = { seed, epoch: 0, shuffle: false, order: picturesOf(options) };
  const started = performance.now();
  let count = 0;
  for await (const batch of loadBatches(source, { transform, batchSize: 1, ...random, onBadImage, signal, ahead: 8 })) {
    count += batch.count;
    if (count > 0 && secondsSince(started) > SECONDS.decode) break;
  }
  if (count > 0) return count / secondsSince(started);
  throw new DataError(`of "${source.name}" no picture could be read.`);
}

/** Rows of features until the time is over; at least two of each thread. */
async function trunkPace(options: FeatureOptions, seconds: number, resources: { dispose(): Promise<void> }[]) {
  const features = await Features.open({ ...options, cache: { where: "none" } });
  resources.push(features);
  const { batchSize } = cutOf(options);
  const rows: FeatureBatch[] = [];
  // Sessions end about together, so that time counts from round to round.
  const round = threadsOf(options);
  const started = performance.now();
  let [first, batches, count] = [0, 0, 0];
  for await (const batch of features.batches(picturesOf(options), { batchSize, partial: true })) {
    batches++;
    if (rows.length < round * 8) rows.push(batch);
    if (batches > round) count += batch.count;
    else first = performance.now();
    if (batches % round === 0 && count > 0 && secondsSince(started) > seconds) break;
  }
  const picturesPerSecond = count / secondsSince(first);
  const openingSeconds = Math.max(0, (first - started) / 1000 - (round * batchSize) / picturesPerSecond);
  return { rows, pace: { picturesPerSecond, openingSeconds } };
}

/** A batch for a step, of rows over and over; zeros where there are none. */
function batchOfRows(rows: readonly FeatureBatch[], features: readonly Feature[], batchSize: number): FeatureBatch {
  const places = rows.flatMap((batch) => Array.from(batch.samples, (_, i) => ({ batch, i })));
  const made = features.map(({ name, type, shape }) => {
    const length = elements(shape);
    const values = new ARRAYS[type](batchSize * length);
    for (let at = 0; at < batchSize && places.length > 0; at++) {
      const { batch, i } = places[at % places.length]!;
      values.set(batch.features[name]!.subarray(i * length, (i + 1) * length) as never, at * length);
    }
    return [name, values] as const;
  });
  return {
    features: Object.fromEntries(made),
    labels: new Int32Array(batchSize),
    samples: Int32Array.from({ length: batchSize }, (_, i) => i),
    count: batchSize,
  };
}

/** The model, with a fresh BatchNorm where one is put behind its convolution. */
function startOf({ model, divisions }: Measurement): Model {
  const { unfolded } = divisions.train;
  if (unfolded === null) return model;
  const channels = unfolded.conv.outputs[0]!.shape[1]!;
  const fresh = freshTensors(unfolded, new Float32Array(channels), new Float32Array(channels).fill(1));
  return { ...model, tensors: new Map([...model.tensors, ...fresh]) };
}

/** The batch as often as there is time for it, made anew each time as batches of features are. */
async function* repeated(batch: FeatureBatch, least: number, seconds: number, given: { count: number }) {
  const started = performance.now();
  while (given.count < least || secondsSince(started) < seconds) {
    given.count++;
    const features = Object.entries(batch.features).map(([name, values]) => [name, values.slice() as TypedArray]);
    yield { ...batch, features: Object.fromEntries(features) as FeatureBatch["features"] };
  }
}

type Open = (program: Program) => Promise<Session>;

async function stepPace({ divisions, options }: Measurement, start: Model, batch: FeatureBatch, open: Open) {
  const started = performance.now();
  const timed = { count: 0 };
  const { epochSeconds } = await fitBySgd({
    division: divisions.train,
    start,
    // The rate does not matter to the time, and a low one cannot diverge.
    options: { ...options, epochs: 2, baseLearningRate: 1e-9 },
    batches: (epoch) => (epoch === 1 ? repeated(batch, 1, 0, { count: 0 }) : repeated(batch, 2, SECONDS.step, timed)),
    ...{ pictures: 0, open, progress: silent as Progress },
  });
  const [warm, rest] = epochSeconds as [number, number];
  return { seconds: rest / timed.count, openingSeconds: Math.max(0, secondsSince(started) - warm - rest) };
}

async function scoringPace({ divisions, model }: Measurement, start: Model, batch: FeatureBatch, open: Open) {
  const opening = performance.now();
  const session = await open(topProgram(divisions.val, start));
  const openingSeconds = secondsSince(opening);
  const score = async (least: number, seconds: number): Promise<number> => {
    const timed = { count: 0 };
    const started = performance.now();
    for await (const _ of scoredFeatures(session, repeated(batch, least, seconds, timed), model.classes.length));
    return secondsSince(started) / timed.count;
  };
  await score(1, 0);
  return { seconds: await score(2, SECONDS.scoring), openingSeconds };
}
