import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { expand } from "brace-expansion";
import { DataError } from "../errors.js";
import { openFile, readRange } from "../files.js";
import { flatSource } from "./flat.js";
import { type Entry, filesBelow, listDirectory, openFolder, PICTURE } from "./folder.js";
import { idxLabelsFor, isIdxImages, openIdx } from "./idx.js";
import { LABEL_FILES, readLabels } from "./labels.js";
import { openParquet } from "./parquet.js";
import { onlyTar, openBareTar, openShards } from "./shards.js";
import { byCodePoint, type Source } from "./source.js";

export interface SourceOptions {
  /** A file of labels, for pictures that lie in no folders; looked for beside them unless given. */
  readonly labels?: string;
}

/** What a data set may be, for messages. */
export const FORMS =
  "a folder a class, pictures with a file of labels, tar shards, Parquet or IDX files (docs/DATA.md tells them all)";

const SHARD = /\.(tar|parquet)$/i;

/**
 * Labelled pictures by their path alone: a folder a class, a flat folder or tar with labels beside it, tars, Parquet or IDX files, one,
 * a folder of them, or a pattern such as `shards-{000..012}.tar`. Nothing is unpacked.
 * @throws {DataError} where there is nothing, or nothing that is known
 */
export async function openSource(path: string, options: SourceOptions = {}): Promise<Source> {
  const found = await stat(path).catch(() => null);
  if (found === null && /[*?{]/.test(path)) return openFiles(path, await filesOf(path), options);
  if (found === null) throw new DataError(`data "${path}" does not exist; give ${FORMS}.`);
  return found.isDirectory() ? openDirectory(path, options) : openFiles(path, [path], options);
}

/** The files of a pattern, of braces as a shell has them and of `*` and `?` in file names. */
export async function filesOf(pattern: string): Promise<string[]> {
  const files: string[] = [];
  for (const path of expand(pattern)) {
    if (!/[*?]/.test(path)) {
      if ((await stat(path).catch(() => null)) === null)
        throw new DataError(`"${path}", of "${pattern}", does not exist; fetch it.`);
      files.push(path);
      continue;
    }
    const literal = basename(path).replaceAll(/[.+^$()|[\]\\{}]/g, "\\$&");
    const name = new RegExp(`^${literal.replaceAll("*", ".*").replaceAll("?", ".")}$`);
    const names = await readdir(dirname(path)).catch(() => []);
    files.push(
      ...names
        .filter((file) => name.test(file))
        .sort(byCodePoint)
        .map((file) => join(dirname(path), file)),
    );
  }
  if (files.length === 0) throw new DataError(`"${pattern}" matches no file; check the path.`);
  return files;
}

async function openDirectory(directory: string, options: SourceOptions): Promise<Source> {
  const entries = await listDirectory(directory);
  const files = entries.filter(({ isDirectory }) => !isDirectory).map(({ name }) => join(directory, name));
  if (options.labels !== undefined) {
    const below = (await filesBelow(directory, "")).map((file) => file.slice(1));
    if (below.some((file) => PICTURE.test(file))) return openFlat(directory, below, options);
  }
  const inData = entries.some(isData) ? await listDirectory(join(directory, "data")) : [];
  const parquet = inData
    .filter(({ name }) => name.endsWith(".parquet"))
    .map(({ name }) => join(directory, "data", name));
  const classes = entries.filter(
    (entry) => entry.isDirectory && !DEVKIT.test(entry.name) && !(isData(entry) && parquet.length > 0),
  );
  // Where there are folders, files beside them are strays, and openFolder tells of them.
  if (classes.length > 0) return openFolder(directory);
  const pictures = files.map((file) => basename(file)).filter((file) => PICTURE.test(file));
  if (pictures.length > 0) return openFlat(directory, pictures, options);
  const shards = [...files.filter((file) => SHARD.test(file) || isIdxImages(file)), ...parquet];
  return shards.length > 0 ? openFiles(directory, shards, options) : openFolder(directory);
}

const isData = ({ name, isDirectory }: Entry): boolean => isDirectory && name === "data";

/** The folder of ImageNet's devkit, which holds no pictures. */
const DEVKIT = /^ILSVRC\d+_devkit/;

/** @param name - what messages call them together */
export async function openFiles(name: string, files: readonly string[], options: SourceOptions): Promise<Source> {
  const kinds = await Promise.all(files.map(kindOf));
  const other = kinds.findIndex((kind) => kind !== kinds[0]);
  if (other >= 0)
    throw new DataError(`"${files[0]}" is ${kinds[0]}, "${files[other]}" is ${kinds[other]}; give files of one kind.`);
  switch (kinds[0]) {
    case "Parquet":
      return openParquet(name, files);
    case "IDX":
      return openIdxFile(name, files);
    case "a list":
      if (files.length === 1) return openList(files[0]!);
      throw new DataError(`"${name}": ${files.length} lists; give one.`);
    default:
      return (await openShards(name, files)) ?? openFlatTar(name, files, options);
  }
}

type Kind = "Parquet" | "IDX" | "a list" | "a tar";

/** By content, and by name where content does not tell. */
async function kindOf(path: string): Promise<Kind> {
  if (isIdxImages(path)) return "IDX";
  if (/\.(csv|tsv|txt)$/i.test(path)) return "a list";
  const file = await openFile(path, "data file");
  try {
    const { size } = await file.stat();
    const start = await readRange(file, `"${path}"`, 0, new Uint8Array(Math.min(size, 4)));
    return Buffer.from(start).toString("latin1") === "PAR1" || path.endsWith(".parquet") ? "Parquet" : "a tar";
  } finally {
    await file.close();
  }
}

async function openIdxFile(name: string, files: readonly string[]): Promise<Source> {
  const [images] = files;
  if (files.length > 1)
    throw new DataError(`"${name}" holds ${files.length} files of pictures; give one: ${files.join(", ")}.`);
  for (const labels of idxLabelsFor(images!)) {
    if ((await stat(labels).catch(() => null)) !== null) return openIdx(images!, labels);
  }
  throw new DataError(`"${images}" has no labels beside it; put "${idxLabelsFor(images!)[0]}" there.`);
}

/** A list of paths, from its own folder, and labels. */
async function openList(path: string): Promise<Source> {
  const labels = await readLabels(path);
  if (labels.kind === "ordered")
    throw new DataError(
      `"${path}" has labels without names; give the folder of the pictures, and this file with --labels.`,
    );
  const pathOf = (name: string): string => join(dirname(path), name);
  return flatSource({ name: path, pictures: [...labels.labels.keys()], labels, labelFile: path, pathOf });
}

async function openFlat(directory: string, files: readonly string[], options: SourceOptions): Promise<Source> {
  const labelFile = await labelFileOf(directory, options);
  const pictures = files.filter((file) => PICTURE.test(file));
  const pathOf = (name: string): string => join(directory, name);
  return flatSource({ name: directory, pictures, labels: await readLabels(labelFile), labelFile, pathOf });
}

async function openFlatTar(name: string, files: readonly string[], options: SourceOptions): Promise<Source> {
  const path = onlyTar(name, files);
  const labelFile = await labelFileOf(dirname(path), options);
  const { names: pictures, read, place } = await openBareTar(path);
  const pathOf = (entry: string): string => `${path}:${entry}`;
  const labels = await readLabels(labelFile);
  const flat = flatSource({ name: path, pictures, labels, labelFile, pathOf, read, place });
  return { ...flat, archives: [path] };
}

/** The file of labels that is given, or lies in the folder, beside it, or in an unpacked devkit there. */
async function labelFileOf(directory: string, { labels }: SourceOptions): Promise<string> {
  if (labels !== undefined) return labels;
  const above = dirname(directory);
  const places = [directory, above].flatMap((place) => [place, join(place, "ILSVRC2012_devkit_t12", "data")]);
  for (const place of places) {
    const names = (await readdir(place).catch(() => [])).sort(byCodePoint);
    for (const pattern of LABEL_FILES) {
      const found = names.find((name) => pattern.test(name));
      if (found !== undefined) return join(place, found);
    }
  }
  throw new DataError(
    `"${directory}" holds pictures in no class folders, and no file of labels is beside them; give one with --labels (CSV, or lines of name and label), or put the pictures of each class into a folder of its name.`,
  );
}
