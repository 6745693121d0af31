import { readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { DataError } from "../errors.js";

/** One labelled picture of a source. */
export interface Sample {
  readonly path: string;
  /** Path within the source, which names the picture in messages and keys. */
  readonly name: string;
  /** Index into the source's classes. */
  readonly label: number;
}

/** Labelled pictures in a fixed order. */
export interface Source {
  readonly name: string;
  readonly classes: readonly string[];
  readonly samples: readonly Sample[];
  /** What the user should know about it, such as files that were left out. */
  readonly notes: readonly string[];
}

const PICTURE = /\.(jpe?g|png|webp)$/i;

/**
 * A folder a class, in the order of torchvision's ImageFolder: classes are the folders' names by code point; a class's
 * pictures (.jpg, .jpeg, .png, .webp) are searched at any depth, links followed, hidden entries left out.
 * @throws {DataError} where there is no such folder, no class, or a class without pictures
 */
export async function openFolder(directory: string): Promise<Source> {
  const entries = await listDirectory(directory);
  const classes = entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  if (classes.length === 0) {
    throw new DataError(
      `"${directory}" holds no class folders; put the pictures of each class into a folder of its name.`,
    );
  }
  const samples: Sample[] = [];
  let others = 0;
  for (const [label, name] of classes.entries()) {
    const files = await filesBelow(directory, name);
    const pictures = files.filter((file) => PICTURE.test(file));
    others += files.length - pictures.length;
    if (pictures.length === 0) {
      throw new DataError(
        `class folder "${join(directory, name)}" holds no pictures (JPEG, PNG or WebP); add some or remove it.`,
      );
    }
    for (const file of pictures) samples.push({ path: join(directory, file), name: file, label });
  }
  const outside = entries.length - classes.length;
  return { name: directory, classes, samples, notes: notesOn(directory, { classes, others, outside }) };
}

/** @param others - files in class folders that are no pictures  @param outside - files in no class folder */
function notesOn(
  directory: string,
  { classes, others, outside }: { classes: readonly string[]; others: number; outside: number },
): string[] {
  const notes: string[] = [];
  if (others > 0) notes.push(`"${directory}": ${files(others)} no JPEG, PNG or WebP, and left out`);
  if (outside > 0) notes.push(`"${directory}": ${files(outside)} in no class folder, and left out`);
  const numeric = classes.every((name) => /^\d+$/.test(name));
  if (numeric && classes.some((name, i) => i > 0 && Number(name) < Number(classes[i - 1]))) {
    notes.push(`"${directory}": class folders are numbers and sorted as text (10 before 2), as torchvision does`);
  }
  return notes;
}

const files = (count: number): string => (count === 1 ? "1 file is" : `${count} files are`);

interface Entry {
  readonly name: string;
  readonly isDirectory: boolean;
  readonly isLink: boolean;
}

/**
 * What a directory holds, by code point, without hidden entries. A link is what it points to; a broken one is a file.
 */
export async function listDirectory(directory: string): Promise<Entry[]> {
  const found = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    const what =
      error.code === "ENOTDIR" ? "is not a directory" : error.code === "ENOENT" ? "does not exist" : "cannot be read";
    throw new DataError(`data directory "${directory}" ${what}; give a folder of pictures.`);
  });
  const visible = found.filter(({ name }) => !name.startsWith("."));
  const entries = visible.map(async (entry) => {
    const isLink = entry.isSymbolicLink();
    const target = isLink ? await stat(join(directory, entry.name)).catch(() => entry) : entry;
    return { name: entry.name, isDirectory: target.isDirectory(), isLink };
  });
  return (await Promise.all(entries)).sort((a, b) => byCodePoint(a.name, b.name));
}

/** Files at any depth below `root`/`top`, as paths from `root`: folder by folder, as Python's sorted os.walk. */
async function filesBelow(root: string, top: string): Promise<string[]> {
  const folders: { path: string; files: string[] }[] = [];
  const walk = async (path: string): Promise<void> => {
    const files: string[] = [];
    folders.push({ path, files });
    for (const { name, isDirectory, isLink } of await listDirectory(join(root, path))) {
      const below = `${path}/${name}`;
      if (isLink && isDirectory) await refuseLoop(join(root, path), join(root, below));
      if (isDirectory) await walk(below);
      else files.push(below);
    }
  };
  await walk(top);
  return folders.sort((a, b) => byCodePoint(a.path, b.path)).flatMap(({ files }) => files);
}

async function refuseLoop(directory: string, link: string): Promise<void> {
  const [here, target] = await Promise.all([realpath(directory), realpath(link)]);
  if ((here + sep).startsWith(target + sep)) {
    throw new DataError(`"${link}" links to a folder that it is in, and so has no end; remove the link.`);
  }
}

/** Orders as Python does; a locale would differ from machine to machine, and UTF-16 differs beyond U+FFFF. */
function byCodePoint(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}
