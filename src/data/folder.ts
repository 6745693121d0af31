import { readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { DataError } from "../errors.js";
import { PICTURE_FORMATS } from "./decode.js";
import { byCodePoint, type Source } from "./source.js";
import { areNumbers, inOrderOfNames, SampleTable } from "./table.js";

/** Names of files that are taken for pictures. */
export const PICTURE = /\.(jpe?g|jfif|png|webp|gif|tiff?|bmp|p[bgpn]m)$/i;

/**
 * A folder a class, in the order of torchvision's ImageFolder: classes are the folders' names by code point, or by value where all are
 * numbers; a class's pictures are searched at any depth, links followed, hidden entries left out.
 * @throws {DataError} where there is no such folder, no class, or a class without pictures
 */
export async function openFolder(directory: string): Promise<Source> {
  const entries = await listDirectory(directory);
  const classes = inOrderOfNames(entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name));
  if (classes.length === 0) {
    throw new DataError(
      `"${directory}" holds no class folders; put the pictures of each class into a folder of its name.`,
    );
  }
  const table = new SampleTable();
  const counts: number[] = [];
  let others = 0;
  for (const [label, name] of classes.entries()) {
    const files = await filesBelow(directory, name);
    const pictures = files.filter((file) => PICTURE.test(file));
    others += files.length - pictures.length;
    if (pictures.length === 0) {
      throw new DataError(
        `class folder "${join(directory, name)}" holds no pictures (${PICTURE_FORMATS}); add some or remove it.`,
      );
    }
    for (const file of pictures) table.add(file, label);
    counts.push(pictures.length);
  }
  const outside = entries.length - classes.length;
  const samples = table.samples((name) => join(directory, name));
  return { name: directory, classes, samples, notes: notesOn(directory, { classes, counts, others, outside }) };
}

/** @param others - files in class folders that are no pictures  @param outside - files in no class folder */
function notesOn(
  directory: string,
  found: {
    readonly classes: readonly string[];
    readonly counts: readonly number[];
    readonly others: number;
    readonly outside: number;
  },
): string[] {
  const { classes, others, outside } = found;
  const notes: string[] = [];
  if (others > 0) notes.push(`"${directory}": ${files(others)} no ${PICTURE_FORMATS}, and left out`);
  if (outside > 0) notes.push(`"${directory}": ${files(outside)} in no class folder, and left out`);
  if (!areNumbers(classes)) return notes;
  const asText = classes.toSorted(byCodePoint);
  if (asText.some((name, i) => name !== classes[i]))
    notes.push(
      `"${directory}": class folders are numbers and in their order (2 before 10), where torchvision sorts text`,
    );
  if (isImageNetV2(classes)) notes.push(aboutImageNetV2(directory, found));
  return notes;
}

const files = (count: number): string => (count === 1 ? "1 file is" : `${count} files are`);

const V2_CLASSES = 1000;
const V2_PICTURES = 10;
const V2_VARIANTS = ["matched-frequency", "threshold-0.7", "threshold0.7", "top-images", "topimages"];

const isImageNetV2 = (classes: readonly string[]): boolean =>
  classes.length === V2_CLASSES && classes[0] === "0" && classes.at(-1) === String(V2_CLASSES - 1);

/** Which of ImageNet-V2's three sets it is, as its folder is called, and whether it is whole: ten pictures a class. */
function aboutImageNetV2(
  directory: string,
  { classes, counts }: { readonly classes: readonly string[]; readonly counts: readonly number[] },
): string {
  const variant = V2_VARIANTS.find((name) => directory.includes(name)) ?? "of a variant that its path does not tell";
  const odd = classes.flatMap((name, i) => (counts[i] === V2_PICTURES ? [] : [`${name} has ${counts[i]}`]));
  const whole =
    odd.length === 0 ? "whole, ten pictures a class" : `not ten pictures a class: ${odd.slice(0, 3).join(", ")}`;
  return `"${directory}": folders 0 to 999, as ImageNet-V2 has them (${variant}); ${whole}${odd.length > 3 ? `, and ${odd.length - 3} more` : ""}`;
}

export interface Entry {
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
export async function filesBelow(root: string, top: string): Promise<string[]> {
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
