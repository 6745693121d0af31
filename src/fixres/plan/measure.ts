import { loadBatches, orderOf, type Splits, type Transform } from "../../data/index.js";
import { DataError } from "../../errors.js";
import type { Model } from "../../models/index.js";
import { ARRAYS, elements, type TypedArray } from "../../onnx/index.js";
import { silent } from "../../progress.js";
import { openSession, type Program, runEach, type Session } from "../../runtime/index.js";
import { initialState, sgd } from "../../train/index.js";
import { type FeatureBatch, type FeatureOptions, Features } from "../features/features.js";
import { cutOf } from "../features/trunk.js";
import { scoredFeatures } from "../fit.js";
import type { TuneOptions } from "../options.js";
import { type Division, type Feature, freshTensors, topProgram, topStep } from "../top.js";
import type { TuneSurroundings } from "../tune.js";

/** Share of the time for which each part is measured; where a single run takes longer, two or three runs of it. */
const SHARES = { warming: 0.05, decode: 0.05, train: 0.4, val: 0.2, step: 0.2, scoring: 0.1 } as const;

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

/** How fast a session of the top is. */
export interface TopPace {
  /** A batch, s. */
  readonly seconds: number;
  /** Before the first batch, s. */
  readonly openingSeconds: number;
  /** What the session, its weights and activations have taken, bytes. */
  readonly memoryBytes: number;
  /** What batches that were not collected yet have taken further, bytes. */
  readonly garbageBytes: number;
}

/** What a short measurement on this machine has found. */
export interface Measured {
  /** Reading, decoding and transforming alone. */
  readonly decodedPerSecond: number;
  /** Null for a part whose features are all there. */
  readonly train: TrunkPace | null;
  readonly val: TrunkPace | null;
  /** One training step. */
  readonly step: TopPace;
  /** One batch of features scored. */
  readonly scoring: TopPace;
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
  /** How long to measure, s; opening sessions comes on top. */
  readonly seconds: number;
}

/**
 * Does for a few seconds what a tuning does for long, by the same code: pictures of the data through loader and trunk, training steps
 * and scores on what comes out. Nothing is kept.
 * @throws {DataError} for a picture that cannot be read, as the tuning would
 */
export async function measured(given: Measurement): Promise<Measured> {
  const { options, surroundings, divisions, features, found, seconds } = given;
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
    // The first pictures, which find nothing compiled, do not count.
    await decoding(features.train, seconds * SHARES.warming);
    task.advance(1);
    const baseBytes = watch.grown();
    const trunk = async (part: "train" | "val") => {
      const own = found[part] ? null : await trunkPace(features[part], seconds * SHARES[part], resources);
      task.advance(1);
      return { rows: own?.rows ?? [], pace: own && { ...own.pace, memoryBytes: watch.grown() } };
    };
    // In the order of a tuning, since the first sessions take longest to open.
    const val = await trunk("val");
    const train = await trunk("train");
    const { batchSize } = options;
    const start = startOf(given);
    const trainBatch = batchOfRows(train.rows, divisions.train.features, batchSize);
    const step = await stepPace(given, start, trainBatch, { open, watch });
    task.advance(1);
    const valBatch = batchOfRows(val.rows, divisions.val.features, batchSize);
    const scoring = await scoringPace(given, start, valBatch, { open, watch });
    const decodedPerSecond = await decoding(features.train, seconds * SHARES.decode);
    task.advance(1);
    const paces = { train: train.pace, val: val.pace, step, scoring };
    return { decodedPerSecond, ...paces, baseBytes, seconds: secondsSince(started) };
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

async function decoding(options: FeatureOptions, seconds: number): Promise<number> {
  const { source, transform, seed, onBadImage, signal } = options;
  const random = { seed, epoch: 0, shuffle: false, order: picturesOf(options) };
  const started = performance.now();
  let count = 0;
  for await (const batch of loadBatches(source, { transform, batchSize: 1, ...random, onBadImage, signal, ahead: 8 })) {
    count += batch.count;
    if (count > 0 && secondsSince(started) > seconds) break;
  }
  if (count > 0) return count / secondsSince(started);
  throw new DataError(`of "${source.name}" no picture could be read.`);
}

/** Rows of features until the time is over; at least two batches of each session. */
async function trunkPace(options: FeatureOptions, seconds: number, resources: { dispose(): Promise<void> }[]) {
  const { transform, loaded } = counting(options.transform);
  const features = await Features.open({ ...options, transform, cache: { where: "none" } });
  resources.push(features);
  const { batchSize, sessions } = cutOf(options);
  const rows: FeatureBatch[] = [];
  // Sessions end about together, so that time counts from round to round.
  const started = performance.now();
  let first = { time: started, loaded: 0 };
  let [batches, count] = [0, 0];
  for await (const batch of features.batches(picturesOf(options), { batchSize, partial: true })) {
    batches++;
    if (rows.length < 8 * sessions) rows.push(batch);
    if (batches > sessions) count += batch.count;
    else first = { time: performance.now(), loaded: loaded() };
    if (batches % sessions === 0 && count > 0 && secondsSince(started) > seconds) break;
  }
  // Pictures that were waiting when the first batch came, and are gone, would pass for speed where decoding is what takes long.
  const picturesPerSecond = Math.max(1, Math.min(count, loaded() - first.loaded)) / secondsSince(first.time);
  const openingSeconds = Math.max(0, (first.time - started) / 1000 - (sessions * batchSize) / picturesPerSecond);
  return { rows, pace: { picturesPerSecond, openingSeconds } };
}

/** The same transform, with how many pictures it was applied to. */
function counting(transform: Transform): { readonly transform: Transform; loaded(): number } {
  let count = 0;
  const apply: Transform["apply"] = (...given) => {
    count++;
    transform.apply(...given);
  };
  return { transform: { ...transform, apply }, loaded: () => count };
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

/** What opens sessions, and what sees how much memory they take. */
interface Bench {
  readonly open: (program: Program) => Promise<Session>;
  readonly watch: ReturnType<typeof memoryWatch>;
}

async function stepPace(
  { divisions, options, seconds }: Measurement,
  start: Model,
  batch: FeatureBatch,
  { open, watch }: Bench,
): Promise<TopPace> {
  const opening = performance.now();
  const { labelSmoothing, momentum, weightDecay } = options;
  const optimizer = sgd({ momentum, weightDecay });
  const step = topStep(divisions.train, start, { optimizer, labelSmoothing });
  const session = await open(step.program);
  await session.setState(initialState(step, optimizer, (name) => start.tensors.get(name)!.data));
  const openingSeconds = secondsSince(opening);
  // At rate 0 nothing moves, so that nothing can diverge.
  const scalars = step.scalars(1, 0);
  const feeds = ({ features, labels }: FeatureBatch) => ({ ...features, labels, ...scalars });
  const pace = await paced(watch, batch, seconds * SHARES.step, async (batches) => {
    for await (const _ of runEach(session, batches, feeds));
  });
  return { ...pace, openingSeconds };
}

async function scoringPace(
  { divisions, model, seconds }: Measurement,
  start: Model,
  batch: FeatureBatch,
  { open, watch }: Bench,
): Promise<TopPace> {
  const opening = performance.now();
  const session = await open(topProgram(divisions.val, start));
  const openingSeconds = secondsSince(opening);
  const pace = await paced(watch, batch, seconds * SHARES.scoring, async (batches) => {
    for await (const _ of scoredFeatures(session, batches, model.classes.length));
  });
  return { ...pace, openingSeconds };
}

/** Times what is done with batches, after it was done with one. */
async function paced(
  watch: Bench["watch"],
  batch: FeatureBatch,
  seconds: number,
  work: (batches: AsyncIterable<FeatureBatch>) => Promise<void>,
): Promise<Omit<TopPace, "openingSeconds">> {
  await work(repeated(batch, 1, 0, { count: 0 }));
  const memoryBytes = watch.grown();
  const timed = { count: 0 };
  const started = performance.now();
  await work(repeated(batch, 2, seconds, timed));
  return { seconds: secondsSince(started) / timed.count, memoryBytes, garbageBytes: watch.grown() };
}
