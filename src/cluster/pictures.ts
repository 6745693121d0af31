import { openSplit, type Picture, type Sample, type Source, shown } from "../data/index.js";
import { DataError, reason } from "../errors.js";
import type { Truth } from "../evaluate/index.js";
import type { Pictures, RunSpec } from "./job.js";
import { openStore, type Store, sha256Of, storePath } from "./store.js";

/** What a command tells of its data, for workers to find them. */
export interface SharedData {
  /** Folder below which everything lies that workers see. */
  readonly root: string;
  /** Whether workers fetch pictures, and so must know their hashes. */
  readonly overHttp: boolean;
  /** How the source was opened. */
  readonly path: string;
  readonly split: "train" | "val";
  readonly labels?: string;
}

/** How workers open a source that is neither files nor parts of such; undefined where they need not. */
export function sourceSpec(source: Source, { root, path, split, labels }: SharedData): RunSpec["data"]["source"] {
  if (source.read === undefined || source.place !== undefined) return undefined;
  return { path: storePath(root, path), split, ...(labels !== undefined && { labels: storePath(root, labels) }) };
}

/**
 * The pictures of a shard as its job tells them.
 * @param indices - into the source
 */
export async function listPictures(
  source: Source,
  indices: Int32Array,
  { root, overHttp }: SharedData,
  truth?: readonly Truth[],
): Promise<Pictures> {
  const all = Array.from(indices);
  const samples = all.map((index) => source.samples[index]!);
  const listed = {
    indices: all,
    names: samples.map(({ name }) => name),
    truth: all.map((index, i) => copied(truth?.[index] ?? samples[i]!.label)),
  };
  const paths = samples.map(({ path }) => path);
  if (source.read !== undefined && source.place === undefined) return { ...listed, paths };
  const places = all.map((index) => source.place?.(index));
  const files = samples.map(({ path }, i) => storePath(root, places[i]?.path ?? path));
  const ranges = places.flatMap((place) =>
    place === undefined ? [] : [[place.offset, place.length] as [number, number]],
  );
  const folder = root.endsWith("/") ? root : `${root}/`;
  const called = paths.every((path, i) => path === folder + files[i]) ? { root: folder } : { paths };
  const found = { ...listed, files, ...called, ...(ranges.length > 0 && { ranges }) };
  if (!overHttp) return found;
  const own = openStore(root, "", () => {});
  const sha256: string[] = [];
  for (const [i, path] of files.entries()) sha256.push(sha256Of(await own.bytes({ path, range: ranges[i] })));
  return { ...found, sha256 };
}

const copied = (truth: Truth): number | number[] => (typeof truth === "number" ? truth : [...truth]);

/** A shard's pictures as a worker reads them: a source with the indices of the whole run, and which of them the shard has. */
export interface ShardSource {
  readonly source: Source;
  readonly order: Int32Array;
  /** By index into the source. */
  readonly truth: readonly Truth[];
}

/** The source that a worker opens itself, once for all shards. */
export type Opened = (spec: NonNullable<RunSpec["data"]["source"]>) => Promise<Source>;

/** @throws {DataError} where the worker's data lack a picture */
export async function shardSource(
  { data }: RunSpec,
  { indices, names, files, ranges, sha256, truth = [], root = "", ...called }: Pictures,
  store: Store,
  opened: Opened,
): Promise<ShardSource> {
  const paths = called.paths ?? files!.map((file) => root + file);
  const place = new Map(indices.map((index, i) => [index, i]));
  const other = data.source === undefined ? null : await opened(data.source);
  const theirs = other === null ? null : indicesByName(other, names);
  const read = async (index: number): Promise<string | Uint8Array | Picture> => {
    const i = place.get(index)!;
    if (theirs !== null) return other!.read!(theirs[i]!);
    return store.bytes({ path: files![i]!, range: ranges?.[i], sha256: sha256?.[i] }).catch((error: unknown) => {
      const missing = error instanceof Error && "syscall" in error;
      throw missing ? new DataError(`picture "${shown(paths[i]!)}" cannot be read: ${reason(error)}.`) : error;
    });
  };
  const listed = indices.map((_, i): Sample => {
    const answer = truth[i];
    return { name: names[i]!, path: paths[i]!, label: typeof answer === "number" ? answer : -1 };
  });
  const samples: Sample[] = [];
  const answers: Truth[] = [];
  for (const [i, index] of indices.entries()) {
    // Sparse: by the indices of the whole run, which random transforms are drawn by.
    samples[index] = listed[i]!;
    if (truth[i] !== undefined) answers[index] = truth[i];
  }
  const source = { name: data.name, classes: [], samples, notes: [], competing: data.competing, read };
  return { source, order: Int32Array.from(indices), truth: answers };
}

const places = new WeakMap<Source, ReadonlyMap<string, number>>();

function indicesByName(source: Source, names: readonly string[]): number[] {
  let known = places.get(source);
  if (known === undefined) {
    known = new Map(Array.from(source.samples, ({ name }, i) => [name, i]));
    places.set(source, known);
  }
  return names.map((name) => {
    const index = known.get(name);
    if (index === undefined)
      throw new DataError(`"${source.name}" lacks "${name}", which the command has; bring the data in line.`);
    return index;
  });
}

/** Opens such a source from a store. @throws {DataError} where the store is no folder */
export async function openFromStore(
  store: Store,
  { path, split, labels }: NonNullable<RunSpec["data"]["source"]>,
): Promise<Source> {
  const own = store.local(path);
  if (own === null)
    throw new DataError(
      `"${path}" is of a form that is not read over HTTP, as Parquet and IDX are; give workers a --store that is a folder, or data as pictures or tars.`,
    );
  return openSplit(own, split, labels === undefined ? {} : { labels: store.local(labels)! });
}
