import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { DataError } from "../errors.js";
import { PICTURE_FORMATS } from "./decode.js";
import { filesBelow, listDirectory, PICTURE } from "./folder.js";
import { filesOf, openSource } from "./open.js";
import { openParquet } from "./parquet.js";
import { openBareTar } from "./shards.js";
import type { Source } from "./source.js";
import { joinSources, lazily, SampleTable } from "./table.js";

/** The one class of pictures without labels. */
const UNLABELLED = "unlabelled";

/**
 * Pictures whose labels are unknown or are not to be looked at: all pictures at any depth of a folder; of tars; of Parquet files, which
 * need no column of labels; or of what else `openSource` opens. All have the label 0, of the class `unlabelled`.
 * @throws {DataError} where there are none
 */
export async function openUnlabelled(path: string): Promise<Source> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) {
    const names = (await filesBelow(path, "")).map((file) => file.slice(1));
    const pictures = names.filter((name) => PICTURE.test(name));
    if (pictures.length > 0) return folderOf(path, pictures, names.length - pictures.length);
    const inside = await listDirectory(path);
    const below = inside.some(({ name }) => name === "data") ? await listDirectory(join(path, "data")) : [];
    const files = [...inside.map(({ name }) => join(path, name)), ...below.map(({ name }) => join(path, "data", name))];
    for (const kind of [TAR, PARQUET]) {
      const own = files.filter((file) => kind.test(file));
      if (own.length > 0) return openArchives(path, own, kind);
    }
    if (inside.length === 0) throw new DataError(`"${path}" is empty; put pictures (${PICTURE_FORMATS}) there.`);
  }
  const files = found === null && /[*?{]/.test(path) ? await filesOf(path) : [path];
  for (const kind of [TAR, PARQUET]) if (files.every((file) => kind.test(file))) return openArchives(path, files, kind);
  const source = await openSource(path);
  const at = (index: number) => ({ ...source.samples[index]!, label: 0 });
  return { ...source, classes: [UNLABELLED], samples: lazily(source.samples.length, at) };
}

const TAR = /\.tar$/i;
const PARQUET = /\.parquet$/i;

function folderOf(path: string, pictures: readonly string[], others: number): Source {
  const table = new SampleTable();
  for (const name of pictures) table.add(name, 0);
  const left = others === 0 ? "" : `; ${others} files are no pictures, and left out`;
  return {
    name: path,
    classes: [UNLABELLED],
    samples: table.samples((name) => join(path, name)),
    notes: [`"${path}": ${pictures.length} unlabelled pictures${left}`],
  };
}

async function openArchives(name: string, files: readonly string[], kind: RegExp): Promise<Source> {
  if (kind === PARQUET) return openParquet(name, files, UNLABELLED);
  const tars: Source[] = [];
  for (const file of files) {
    const { names, read } = await openBareTar(file);
    const table = new SampleTable();
    // The same name may be in several tars.
    for (const own of names) table.add(files.length > 1 ? `${basename(file)}:${own}` : own, 0);
    const samples = table.samples((_, index) => `${file}:${names[index]}`);
    tars.push({ name: file, classes: [UNLABELLED], samples, notes: [], archives: [file], read });
  }
  const all = tars.reduce(joinSources);
  if (all.samples.length === 0) throw new DataError(`"${name}" holds no pictures (${PICTURE_FORMATS}).`);
  return { ...all, name, notes: [`"${name}": ${all.samples.length} unlabelled pictures in ${files.length} tars`] };
}
