import type { LabelledPicture } from "../web/tune.js";

/** Pictures by class, and what was left out. */
export interface PictureSet {
  readonly name: string;
  readonly pictures: readonly LabelledPicture[];
  /** How many files are no pictures that can be read here. */
  readonly skipped: number;
}

const READABLE = /\.(jpe?g|png|webp)$/i;

/** Files of a folder, a folder a class: what lies in no folder of its own is left out. In the order of their paths. */
export function setOf(name: string, files: readonly { readonly path: string; readonly file: File }[]): PictureSet {
  const visible = files
    .filter(({ path }) => !path.split("/").some((part) => part.startsWith(".")))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const pictures = visible.flatMap(({ path, file }) => {
    const folders = path.split("/").slice(0, -1);
    // The first is the folder that was chosen.
    const own = folders.slice(1).at(-1);
    return own !== undefined && READABLE.test(path) ? [{ source: file, class: own }] : [];
  });
  return { name, pictures, skipped: visible.length - pictures.length };
}

/** What `<input webkitdirectory>` has chosen. */
export function chosenSet(files: FileList): PictureSet {
  const all = Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }));
  return setOf(all[0]?.path.split("/")[0] ?? "nothing", all);
}

/** What was dropped: the files in it, those of folders by their path. */
export async function dropped(items: DataTransferItemList): Promise<{ path: string; file: File }[]> {
  // All at once: what was dropped is out of reach after the first wait.
  const all = Array.from(items, (item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found = all.map(async ({ entry, file }) => {
    if (entry?.isDirectory) return filesIn(entry);
    return file === null ? [] : [{ path: file.name, file }];
  });
  return (await Promise.all(found)).flat();
}

async function filesIn(entry: FileSystemEntry): Promise<{ path: string; file: File }[]> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FileSystemEntry[] = [];
  // A reader gives a hundred at a time.
  for (;;) {
    const more = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (more.length === 0) break;
    found.push(...more);
  }
  return (await Promise.all(found.map(filesIn))).flat();
}

/** A picture that the page comes with. */
export interface Example {
  readonly class: string;
  readonly pixels: ImageData;
}

/** Side of an example, and how many of each class there are. */
const SIDE = 28;
const EACH = 20;

/** The pictures that the page comes with: a row a class. */
export async function examplesOf(url: string, classes: readonly string[]): Promise<Example[]> {
  const sheet = await createImageBitmap(await (await fetch(url)).blob());
  const context = new OffscreenCanvas(sheet.width, sheet.height).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(sheet, 0, 0);
  return classes.flatMap((name, row) =>
    Array.from({ length: EACH }, (_, column) => ({
      class: name,
      pixels: context.getImageData(column * SIDE, row * SIDE, SIDE, SIDE),
    })),
  );
}
