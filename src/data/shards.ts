import { DataError, RequestError } from "../errors.js";
import { openFile, readRange } from "../files.js";
import { PICTURE } from "./folder.js";
import { type Place, type Source, shown } from "./source.js";
import { ClassTable, Numbers } from "./table.js";
import { type TarEntry, tarEntries } from "./tar.js";

/** What a picture's companions in a WebDataset may be called, and what is in them. */
const LABEL = /\.(cls|json)$/i;

/** Keys under which a companion .json may have the label. */
const JSON_KEYS = ["label", "cls", "class", "class_id", "target", "wnid"];

/**
 * Tars of pictures, each read where it is: as WebDatasets (`key.jpg` beside `key.cls` or `key.json`), or with a folder a class.
 * A tar of tars, as ImageNet's training set is distributed, has a class a tar.
 * @param paths - the shards, in order
 * @returns null where the pictures lie in no folders and have no companions: something else must tell their labels
 * @throws {DataError} where a shard is no tar, is cut short, or a picture has no label
 */
export async function openShards(name: string, paths: readonly string[]): Promise<Source | null> {
  const table = new ClassTable();
  const places = { shard: new Numbers(), offset: new Numbers(), size: new Numbers() };
  let bare = "";
  let labelled = false;
  let numbers = true;
  for (const [shard, path] of paths.entries()) {
    for await (const { pictures, label } of groupsOf(path)) {
      labelled ||= label !== undefined;
      for (const picture of pictures) {
        const className = label ?? folderOf(picture.name);
        if (className === null) bare ||= picture.name;
        numbers &&= label !== undefined && /^\d{1,7}$/.test(label);
        table.add(picture.name, className ?? "");
        places.shard.push(shard);
        places.offset.push(picture.offset);
        places.size.push(picture.size);
      }
    }
  }
  if (table.length === 0) throw new DataError(`"${name}" holds no pictures; give tars of pictures.`);
  if (bare !== "" && labelled) {
    throw new DataError(
      `"${name}": the picture "${shown(bare)}" has no label, where others have; add its .cls, or remove it.`,
    );
  }
  if (bare !== "") return null;
  const pathOf = (entry: string, index: number): string => `${paths[places.shard.at(index)]}:${entry}`;
  const { classes, samples } = table.finish(pathOf, { numbers });
  const shape = labelled ? "a WebDataset" : "a folder a class";
  const notes = [
    `"${name}": ${paths.length === 1 ? "a tar" : `${paths.length} tars`} with ${samples.length} pictures, ${shape}`,
  ];
  return {
    name,
    classes,
    samples,
    notes,
    archives: paths,
    place: placeOf(paths, places),
    read: readerOf(paths, places),
  };
}

/** Pictures of a tar without labels of its own, for whoever knows them: names, and what reads each. */
export async function openBareTar(
  path: string,
): Promise<{ names: string[] } & Required<Pick<Source, "place" | "read">>> {
  const places = { shard: new Numbers(), offset: new Numbers(), size: new Numbers() };
  const names: string[] = [];
  for await (const { name, offset, size } of tarEntries(path)) {
    if (!PICTURE.test(name)) continue;
    names.push(name);
    places.shard.push(0);
    places.offset.push(offset);
    places.size.push(size);
  }
  return { names, place: placeOf([path], places), read: readerOf([path], places) };
}

type Places = Readonly<Record<"shard" | "offset" | "size", Numbers>>;

const placeOf =
  (paths: readonly string[], { shard, offset, size }: Places) =>
  (index: number): Place => ({ path: paths[shard.at(index)]!, offset: offset.at(index), length: size.at(index) });

const readerOf =
  (paths: readonly string[], { shard, offset, size }: Places) =>
  async (index: number): Promise<Uint8Array> => {
    const path = paths[shard.at(index)]!;
    const file = await openFile(path, "tar");
    try {
      return await readRange(file, `tar "${path}"`, offset.at(index), new Uint8Array(size.at(index)));
    } finally {
      await file.close();
    }
  };

interface Group {
  readonly pictures: readonly TarEntry[];
  readonly label: string | undefined;
}

/** Files behind one another that have the same key, the path up to the first dot of the name, as WebDataset has it. */
async function* groupsOf(path: string): AsyncGenerator<Group> {
  let key = "";
  let pictures: TarEntry[] = [];
  let label: string | undefined;
  for await (const entry of tarEntries(path)) {
    const own = /^(?:.*\/)?\.?[^./]*/.exec(entry.name)![0];
    if (own !== key) {
      if (pictures.length > 0) yield { pictures, label };
      [key, pictures, label] = [own, [], undefined];
    }
    // What begins with a dot is some system's, not the user's.
    if (/(^|\/)\./.test(entry.name.replace(/^\.\//, ""))) continue;
    if (PICTURE.test(entry.name)) pictures.push(entry);
    else if (LABEL.test(entry.name)) label = (await labelOf(entry, path)) ?? label;
  }
  if (pictures.length > 0) yield { pictures, label };
}

/** The label in a companion, or undefined where a .json has none. */
async function labelOf(entry: TarEntry, path: string): Promise<string | undefined> {
  const text = Buffer.from(await entry.bytes())
    .toString()
    .trim();
  const fault = (what: string): Error =>
    new DataError(`tar "${path}": "${shown(entry.name)}" ${what}; write the label, a number or a name, into it.`);
  if (/\.cls$/i.test(entry.name)) {
    if (text === "" || text.length > 200 || /[\r\n]/.test(text)) throw fault("holds no label");
    return text;
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw fault("is no JSON");
  }
  const found = JSON_KEYS.map((key) => (content as Record<string, unknown> | null)?.[key]).find(
    (value) => value !== undefined,
  );
  if (found !== undefined && typeof found !== "string" && !(Number.isSafeInteger(found) && (found as number) >= 0)) {
    throw fault(`has a label that is neither name nor number (${shown(JSON.stringify(found))})`);
  }
  return found === undefined ? undefined : String(found);
}

/** The folder that a picture lies in, or null. */
function folderOf(name: string): string | null {
  const parts = name.split("/").filter((part) => part !== "." && part !== "");
  return parts.length < 2 ? null : parts.at(-2)!;
}

/**
 * Checks that there is one tar, where labels from elsewhere are to be matched.
 * @throws {RequestError} with what to do where there are more
 */
export function onlyTar(name: string, paths: readonly string[]): string {
  if (paths.length === 1) return paths[0]!;
  throw new RequestError(
    `"${name}": ${paths.length} tars of pictures without labels; give one, and a file of labels (--labels).`,
  );
}
