import { createHash } from "node:crypto";
import {
  type BadPicture,
  type OnBadImage,
  type Source,
  sourceStamp,
  type TestPreprocessing,
  type Transform,
} from "../../data/index.js";
import { RequestError } from "../../errors.js";
import { openComputing, sessionsOf } from "../../evaluate/index.js";
import { binaryBytes } from "../../format.js";
import type { Model } from "../../models/index.js";
import { ARRAYS, type TypedArray } from "../../onnx/index.js";
import { type Progress, silent } from "../../progress.js";
import { ENGINE_VERSION, type Pool, type Program, type SessionOptions } from "../../runtime/index.js";
import type { TuneModeName } from "../modes.js";
import type { RecipeName } from "../recipes.js";
import type { FeatureType } from "../top.js";
import { type About, cacheFolder, openEntry, removeEntries, roomFor } from "./directory.js";
import { openRows, type RowFile } from "./rows.js";
import { computing, cutOf, type FeatureRows, lengthOf, type Part, partsOf, trunkRows } from "./trunk.js";

/** Where features are kept from epoch to epoch. */
export interface CacheOptions {
  /** `disk`, also for later runs; `memory`, until this run ends; `none`: computed anew whenever they are needed. */
  readonly where: CacheWhere;
  /** Folder of the cache on disk; `cacheFolder()` unless given. */
  readonly directory?: string;
  /** What the cache on disk may take, bytes; 32 GiB unless given. */
  readonly limitBytes?: number;
  /** Features of so many bytes are held in memory; 4 GiB unless given. */
  readonly memoryBytes?: number;
}
export const CACHE_WHERE = ["disk", "memory", "none"] as const;
export type CacheWhere = (typeof CACHE_WHERE)[number];
export const CACHE_DEFAULTS = { where: "disk", limitBytes: 32 * 2 ** 30, memoryBytes: 4 * 2 ** 30 } as const;

/** What features are of, and how they come to be. */
export interface FeatureOptions extends Pick<SessionOptions, "device" | "threads"> {
  readonly model: Model;
  readonly mode: TuneModeName;
  readonly source: Source;
  readonly transform: Transform;
  /** All that decides the transform's pixels besides the draw, for the key. */
  readonly described: string;
  readonly seed: number;
  /** Which draw of a random transform they are; a transform that is not random has one. */
  readonly draw: number;
  /** How many draws are kept, each as large. */
  readonly copies: number;
  readonly type: FeatureType;
  readonly onBadImage: OnBadImage;
  readonly cache: CacheOptions;
  /** By what whoever computes elsewhere makes the transform. */
  readonly shown: Shown;
  readonly elsewhere?: FeaturesElsewhere;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** How pictures are shown: the recipe's transform of a test's preprocessing. */
export interface Shown {
  readonly recipe: RecipeName;
  readonly preprocessing: TestPreprocessing;
}

/** What is to be computed, for whoever does so elsewhere. */
export interface FeatureWork {
  readonly options: FeatureOptions;
  readonly order: Int32Array;
  readonly draw: number;
  /** Pictures a run. */
  readonly batchSize: number;
  readonly rowBytes: number;
}

/** Computes features in place of this process, in the order that is asked for. */
export type FeaturesElsewhere = (work: FeatureWork) => AsyncIterable<FeatureRows>;

/** Features of some pictures, with what else a step needs. */
export interface FeatureBatch {
  /** By name, each [batchSize, ...shape]; zeros behind `count`. */
  readonly features: Readonly<Record<string, TypedArray>>;
  /** [batchSize] */
  readonly labels: Int32Array;
  /** Indices into the source's samples, [count]. */
  readonly samples: Int32Array;
  readonly count: number;
}

/** How batches are made of features. */
export interface BatchOptions {
  readonly batchSize: number;
  /** Whether a last batch that is not full is given too. */
  readonly partial: boolean;
  /** Which draw of a random transform, where features are not kept; that of `FeatureOptions` unless given. */
  readonly draw?: number;
}

type Row = TypedArray;

/** Damaged rows that are told of by name. */
const TOLD = 3;

/**
 * Features of a source below a cut. Each is computed when it is first asked for, on one session a core, and kept. It depends on the
 * picture and nothing else, so the order in which they are asked for, and a run that was killed, change nothing.
 */
export class Features {
  /** Of all rows, as they are kept. */
  readonly bytes: number;
  readonly where: CacheWhere;
  /** Pictures that could not be read. */
  readonly bad: BadPicture[] = [];
  /** Pictures whose features were computed, by this object. */
  computed = 0;
  private readonly unreadable = new Set<number>();
  /** Rows that were not what was written. */
  private damaged = 0;
  private readonly memory: TypedArray | null;
  /** 1 where a row is in memory. */
  private readonly resident: Uint8Array;
  private trunk: Promise<{ pool: Pool; batchSize: number }> | null = null;

  private constructor(
    private readonly options: FeatureOptions,
    private readonly parts: readonly Part[],
    private readonly program: Program,
    private readonly disk: RowFile | null,
  ) {
    const { source, cache, type, copies } = options;
    const { memoryBytes = CACHE_DEFAULTS.memoryBytes } = cache;
    const { length } = source.samples;
    this.bytes = length * this.length * ARRAYS[type].BYTES_PER_ELEMENT;
    this.where = cache.where === "disk" && disk === null ? "memory" : cache.where;
    const fits = copies * this.bytes <= memoryBytes && length * this.length <= LARGEST_ARRAY;
    const held = this.where === "memory" || (this.where === "disk" && fits);
    this.memory = held ? new ARRAYS[type](length * this.length) : null;
    this.resident = new Uint8Array(length);
  }

  /**
   * @throws {RequestError} where they would not fit, with what to choose
   */
  static async open(options: FeatureOptions): Promise<Features> {
    const { features, program, rowBytes } = cutOf(options);
    checkRoom(options, options.copies * options.source.samples.length * rowBytes);
    const disk = options.cache.where === "disk" ? await openDisk(options, program, rowBytes) : null;
    return new Features(options, partsOf(features), program, disk);
  }

  /** Numbers a picture. */
  private get length(): number {
    return lengthOf(this.parts);
  }

  /** Batches of the given samples, in their order; those that cannot be read are left out. */
  async *batches(order: Int32Array, options: BatchOptions): AsyncGenerator<FeatureBatch> {
    const { batchSize, partial, draw = this.options.draw } = options;
    const readable = order.filter((sample) => !this.unreadable.has(sample));
    const fresh = this.compute(
      readable.filter((sample) => !this.has(sample)),
      draw,
    );
    let next = await fresh.next();
    let batch = this.empty(batchSize);
    try {
      for (const sample of readable) {
        this.options.signal?.throwIfAborted();
        let row: Row | null = null;
        if (!next.done && next.value.sample === sample) {
          ({ row } = next.value);
          next = await fresh.next();
        } else if (!this.unreadable.has(sample)) row = (await this.kept(sample)) ?? (await this.again(sample, draw));
        if (row === null) continue;
        batch.add(sample, row);
        if (batch.count < batchSize) continue;
        yield batch.result();
        batch = this.empty(batchSize);
      }
      if (partial && batch.count > 0) yield batch.result();
    } finally {
      await fresh.return(undefined);
    }
  }

  async dispose(): Promise<void> {
    await (await this.trunk?.catch(() => null))?.pool.dispose();
    await this.disk?.close();
  }

  private has(sample: number): boolean {
    return this.resident[sample] === 1 || (this.disk?.has(sample) ?? false);
  }

  /** A row that is kept; null where it is damaged. */
  private async kept(sample: number): Promise<Row | null> {
    const { length } = this;
    if (this.resident[sample] === 1) return this.memory!.subarray(sample * length, (sample + 1) * length);
    const row = this.memory?.subarray(sample * length, (sample + 1) * length) ?? new ARRAYS[this.options.type](length);
    if (!(await this.disk?.read(sample, bytesOf(row)))) return null;
    if (this.memory !== null) this.resident[sample] = 1;
    return row;
  }

  /** The row of a picture whose kept one was damaged. */
  private async again(sample: number, draw: number): Promise<Row | null> {
    const { progress = silent, source } = this.options;
    this.damaged++;
    if (this.damaged <= TOLD)
      progress.note(`the kept features of "${source.samples[sample]!.name}" were damaged, and are computed again`);
    if (this.damaged === TOLD + 1) progress.note("so are those of further pictures");
    for await (const { row } of this.compute(Int32Array.of(sample), draw)) return row;
    return null;
  }

  private async keep(sample: number, row: Row): Promise<void> {
    if (this.memory !== null) {
      this.memory.set(row as never, sample * this.length);
      this.resident[sample] = 1;
    }
    await this.disk?.write(sample, bytesOf(row));
  }

  /** Runs pictures through the trunk, in order, and keeps what comes out. */
  private async *compute(samples: Int32Array, draw: number): AsyncGenerator<{ sample: number; row: Row }> {
    if (samples.length === 0) return;
    const { length } = this;
    let position = 0;
    for await (const batch of await this.rowsOf(samples, draw)) {
      const rows = Array.from(batch.samples, (_, i) => batch.rows.slice(i * length, (i + 1) * length));
      await Promise.all(rows.map((row, i) => this.keep(batch.samples[i]!, row)));
      this.computed += batch.samples.length;
      // What lies between the pictures of a batch could not be read.
      const had = new Set(Array.from(batch.samples));
      for (; position < batch.end; position++)
        if (!had.has(samples[position]!)) this.unreadable.add(samples[position]!);
      this.bad.push(...batch.bad);
      for (const [i, row] of rows.entries()) yield { sample: batch.samples[i]!, row };
    }
  }

  private async rowsOf(order: Int32Array, draw: number): Promise<AsyncIterable<FeatureRows>> {
    const { options, parts, program } = this;
    const { elsewhere, type } = options;
    if (elsewhere !== undefined) {
      const rowBytes = this.length * ARRAYS[type].BYTES_PER_ELEMENT;
      return elsewhere({
        options,
        order,
        draw,
        batchSize: sessionsOf(options.model, computing(options)).batch,
        rowBytes,
      });
    }
    this.trunk ??= openComputing(options.model, computing(options), () => program);
    return trunkRows({ ...(await this.trunk), parts }, options, order, draw);
  }

  private empty(batchSize: number) {
    const { parts, options } = this;
    const features = Object.fromEntries(
      parts.map(({ name, length }) => [name, new ARRAYS[options.type](batchSize * length)]),
    );
    const labels = new Int32Array(batchSize);
    const samples = new Int32Array(batchSize);
    let count = 0;
    return {
      get count() {
        return count;
      },
      add(sample: number, row: Row): void {
        for (const { name, at, length } of parts)
          features[name]!.set(row.subarray(at, at + length) as never, count * length);
        labels[count] = options.source.samples[sample]!.label;
        samples[count++] = sample;
      },
      result: (): FeatureBatch => ({ features, labels, samples: samples.slice(0, count), count }),
    };
  }
}

const bytesOf = (row: Row): Uint8Array => new Uint8Array(row.buffer, row.byteOffset, row.byteLength);

/** What a typed array has at most, elements. */
const LARGEST_ARRAY = 2 ** 32;

/** @throws {RequestError} where the features are more than may be kept */
export function checkRoom({ cache, source, mode, transform, type, copies }: FeatureOptions, bytes: number): void {
  const { where, limitBytes, memoryBytes } = { ...CACHE_DEFAULTS, ...cache };
  const inMemory = Math.min(memoryBytes, LARGEST_ARRAY * ARRAYS[type].BYTES_PER_ELEMENT);
  const limit = where === "disk" ? limitBytes : where === "memory" ? inMemory : Number.POSITIVE_INFINITY;
  if (bytes <= limit) return;
  const option = where === "disk" ? "--cache-limit" : "--cache-memory";
  throw new RequestError(
    `the features of ${source.samples.length} pictures (${mode} at ${transform.resolution} px, ${type}${copies > 1 ? `, ${copies} views` : ""}) take ${binaryBytes(bytes)}, more than the ${binaryBytes(limit)} of ${option}. Raise that to ${Math.ceil(bytes / 2 ** 30)} GiB, tune the classifier alone, whose features are small (--tune classifier), or compute them anew in each epoch (--cache none).`,
  );
}

/** Where features are on disk; null where nobody knows by which files they would be out of date. */
export async function entryFor(
  { model, source, transform, described, seed, draw, type, cache, device = "cpu", progress = silent }: FeatureOptions,
  { model: graph, external = [] }: Program,
  rowBytes: number,
): Promise<{ readonly key: string; readonly about: About; readonly directory: string } | null> {
  const { directory = cacheFolder() } = cache;
  const { length } = source.samples;
  const looking = progress.start("look for features of earlier runs", length, "pictures");
  const stamp = await sourceStamp(source, () => looking.advance(1)).finally(() => looking.end());
  if (stamp === null) return null;
  const hash = createHash("sha256").update(
    JSON.stringify([ENGINE_VERSION, device, described, transform.deterministic ? null : [seed, draw], stamp, length]),
  );
  for (const bytes of [graph, ...external.map(({ data }) => data)]) hash.update(bytes);
  const about: About = {
    format: "fixres-features-1",
    model: model.arch.name,
    data: source.name,
    resolution: transform.resolution,
    transform: described,
    type,
    rows: length,
    length: rowBytes / ARRAYS[type].BYTES_PER_ELEMENT,
  };
  return { key: hash.digest("hex").slice(0, 32), about, directory };
}

/** @param bytes - of all rows  @param free - on the disk  @throws {RequestError} where the disk is too full */
export function checkDisk(directory: string, { rows }: Pick<About, "rows">, bytes: number, free: number): void {
  if (bytes <= free) return;
  throw new RequestError(
    `the features of ${rows} pictures take ${binaryBytes(bytes)}, but the disk of "${directory}" has ${binaryBytes(free)} free. Free some, take another disk (--cache-dir), tune the classifier alone (--tune classifier), or compute them anew in each epoch (--cache none).`,
  );
}

/** The rows on disk; null where nobody knows by which files they would be out of date. */
async function openDisk(options: FeatureOptions, program: Program, rowBytes: number): Promise<RowFile | null> {
  const { cache, source, progress = silent } = options;
  const entry = await entryFor(options, program, rowBytes);
  if (entry === null) return null;
  const { key, about, directory } = entry;
  const { limitBytes } = { ...CACHE_DEFAULTS, ...cache };
  const { length } = source.samples;
  const folder = await openEntry(directory, key, about);
  const bytes = length * rowBytes;
  const { outdated, free } = await roomFor(key, bytes, limitBytes, directory);
  checkDisk(directory, about, bytes, free);
  for (const entry of outdated)
    progress.note(`cache: features of ${entry.model} at ${entry.resolution} px on "${entry.data}" make room`);
  await removeEntries(outdated);
  return openRows(folder, { key, rows: length, rowBytes });
}
