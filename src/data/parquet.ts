import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { DataError, reason } from "../errors.js";
import { openFile, readRange } from "../files.js";
import { type Source, shown } from "./source.js";
import { ClassTable, Numbers } from "./table.js";

/** Row groups whose pictures are kept for the next ones; a loader that works ahead is in two at once. */
const KEPT_GROUPS = 4;

/** Labels and names are read so many rows at a time. */
const ROWS = 1 << 16;

/** Names of the columns of pictures and of labels. */
interface Columns {
  readonly image: string;
  /** Undefined where labels are not asked for. */
  readonly label: string | undefined;
}

/** A Parquet file: what its end says of it, and its bytes. */
interface Table {
  readonly path: string;
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
}

/**
 * Image data sets in Parquet, as the Hugging Face hub has them: a column of pictures (`image`, with `bytes` and `path`, or the bytes
 * alone) and one of labels, whose names stand in the file's metadata. Pictures are read a row group at a time, in order best: a
 * shuffled epoch reads each group once for every picture that it takes from it.
 * @param paths - the shards, in order  @param unlabelled - a class that all pictures get, whatever column of labels there is
 * @throws {DataError} where a file is no Parquet, is cut short, or has no such columns
 */
export async function openParquet(name: string, paths: readonly string[], unlabelled?: string): Promise<Source> {
  const classes = new ClassTable();
  const rows = { shard: new Numbers(), row: new Numbers() };
  const tables: Table[] = [];
  let names: readonly string[] = [];
  let numbers = true;
  let columns: Columns = { image: "", label: undefined };
  for (const [shard, path] of paths.entries()) {
    const table = await openTable(path);
    const found = columnsOf(table, unlabelled === undefined);
    if (shard === 0) [columns, names] = [found, labelNames(table.metadata, found.label)];
    else if (found.image !== columns.image || found.label !== columns.label)
      throw new DataError(
        `"${path}" has the columns ${found.image} and ${found.label}, "${paths[0]}" ${columns.image} and ${columns.label}; give shards of one data set.`,
      );
    tables.push(table);
    for await (const { row, label, file } of rowsOf(table, columns)) {
      const text = unlabelled ?? labelText(label, names, `"${path}", row ${row}`);
      numbers &&= unlabelled === undefined && typeof label !== "string";
      classes.add(file ?? `${shard}:${row}`, text);
      rows.shard.push(shard);
      rows.row.push(row);
    }
  }
  if (classes.length === 0) throw new DataError(`"${name}" holds no rows.`);
  const pathOf = (_: string, index: number): string => `${paths[rows.shard.at(index)]}:${rows.row.at(index)}`;
  const { classes: found, samples } = classes.finish(pathOf, { numbers: numbers && names.length === 0, names });
  const groups = groupReader(tables, columns.image);
  return {
    name,
    classes: found,
    samples,
    notes: [
      `"${name}": Parquet with ${samples.length} pictures in column "${columns.image}"${unlabelled === undefined ? `, ${found.length} classes in "${columns.label}"` : ""}`,
    ],
    archives: paths,
    read: (index) => groups(rows.shard.at(index), rows.row.at(index)),
  };
}

async function openTable(path: string): Promise<Table> {
  const file = await openFile(path, "Parquet file");
  try {
    const { size: byteLength } = await file.stat();
    const [start, end] = [new Uint8Array(4), new Uint8Array(4)];
    if (byteLength >= 12) {
      await readRange(file, `Parquet file "${path}"`, 0, start);
      await readRange(file, `Parquet file "${path}"`, byteLength - 4, end);
    }
    const isMark = (bytes: Uint8Array): boolean => Buffer.from(bytes).toString("latin1") === "PAR1";
    if (!isMark(start)) throw new DataError(`"${path}" is no Parquet file: it does not begin with PAR1.`);
    if (!isMark(end))
      throw new DataError(
        `Parquet file "${path}" is cut short: its ${byteLength} bytes do not end with PAR1. Fetch it again.`,
      );
    const buffer = bufferOf(path, byteLength);
    return { path, file: buffer, metadata: await checked(path, () => parquetMetadataAsync(buffer)) };
  } finally {
    await file.close();
  }
}

/** What hyparquet reads from. A file is open while something is read, and no longer. */
const bufferOf = (path: string, byteLength: number): AsyncBuffer => ({
  byteLength,
  async slice(start, end = byteLength) {
    if (!(start >= 0 && end <= byteLength && start <= end))
      throw new Error(`bytes ${start} to ${end} of ${byteLength} are asked for`);
    const file = await openFile(path, "Parquet file");
    try {
      const bytes = await readRange(file, `Parquet file "${path}"`, start, new Uint8Array(end - start));
      return bytes.buffer as ArrayBuffer;
    } finally {
      await file.close();
    }
  },
});

/** What the library makes of a damaged file, as one line. */
async function checked<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `Parquet file "${path}" is damaged or of a kind that is not read (${reason(error)}); fetch it again.`,
    );
  }
}

/** The columns of pictures and labels, by their names or by what the hub says of them. */
function columnsOf({ path, metadata }: Table, labelled: boolean): Columns {
  const [root, ...elements] = metadata.schema;
  const top: string[] = [];
  for (let i = 0, left = root?.num_children ?? 0; left > 0 && i < elements.length; left--) {
    top.push(elements[i]!.name);
    // Over its descendants to the next one.
    for (let open = 1; open > 0 && i < elements.length; i++) open += (elements[i]!.num_children ?? 0) - 1;
  }
  const features = featuresOf(metadata);
  const ofType = (type: string): string | undefined => top.find((name) => features[name]?._type === type);
  const named = (names: readonly string[]): string | undefined => names.find((name) => top.includes(name));
  const image = ofType("Image") ?? named(["image", "img", "picture", "jpg", "png", "image_bytes"]);
  const label = ofType("ClassLabel") ?? named(["label", "labels", "fine_label", "cls", "class", "target"]);
  if (image !== undefined && !labelled) return { image, label: undefined };
  if (image === undefined || label === undefined) {
    throw new DataError(
      `"${path}" has no column of ${image === undefined ? "pictures (image)" : "labels (label)"}; its columns are ${top.map(shown).join(", ")}.`,
    );
  }
  return { image, label };
}

type Features = Readonly<Record<string, { readonly _type?: string; readonly names?: unknown }>>;

/** What the hub's library has written of the columns. */
function featuresOf({ key_value_metadata: entries = [] }: FileMetaData): Features {
  const text = entries.find(({ key }) => key === "huggingface")?.value;
  try {
    return (JSON.parse(text ?? "{}") as { info?: { features?: Features } }).info?.features ?? {};
  } catch {
    return {};
  }
}

function labelNames(metadata: FileMetaData, label: string | undefined): readonly string[] {
  if (label === undefined) return [];
  const names = featuresOf(metadata)[label]?.names;
  return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : [];
}

/** A label as the name of a class. */
function labelText(value: unknown, names: readonly string[], where: string): string {
  const label = typeof value === "bigint" ? Number(value) : value;
  if (typeof label === "string" && label !== "") return label;
  if (!(typeof label === "number" && Number.isInteger(label) && label >= 0))
    throw new DataError(`${where}: the label is ${shown(String(label))}, neither a number from 0 on nor a name.`);
  if (names.length > 0 && label >= names.length)
    throw new DataError(`${where}: the label is ${label}, but the file names ${names.length} classes.`);
  return names[label] ?? String(label);
}

/** What is known of a row without its picture. */
interface Row {
  readonly row: number;
  readonly label: unknown;
  /** The name of the picture's file, where the column has it. */
  readonly file: string | undefined;
}

async function* rowsOf({ path, file, metadata: whole }: Table, { image, label }: Columns): AsyncGenerator<Row> {
  const metadata = withoutBytes(whole, image);
  const labels = label === undefined ? [] : [label];
  const columns = metadata === whole ? labels : [...labels, image];
  const count = Number(whole.num_rows);
  for (let rowStart = 0; rowStart < count; rowStart += ROWS) {
    const rowEnd = Math.min(rowStart + ROWS, count);
    // Where neither labels nor names are to be read, there are as many rows as the file says.
    const rows: Record<string, unknown>[] =
      columns.length === 0
        ? Array.from({ length: rowEnd - rowStart }, () => ({}))
        : await checked(path, () => parquetReadObjects({ file, metadata, columns, rowStart, rowEnd, compressors }));
    if (rows.length !== rowEnd - rowStart)
      throw new DataError(
        `Parquet file "${path}" holds ${rowStart + rows.length} rows of the ${count} that it claims.`,
      );
    for (const [i, row] of rows.entries()) {
      const name = (row[image] as { path?: unknown } | null | undefined)?.path;
      const own = label === undefined ? undefined : row[label];
      yield { row: rowStart + i, label: own, file: typeof name === "string" && name !== "" ? name : undefined };
    }
  }
}

/** The metadata as if pictures had names alone, so that those are read without the pictures; as they are where they have none. */
function withoutBytes(metadata: FileMetaData, image: string): FileMetaData {
  const at = metadata.schema.findIndex(({ name }) => name === image);
  const fields = metadata.schema.slice(at + 1, at + 3).map(({ name }) => name);
  if (metadata.schema[at]?.num_children !== 2 || fields.toSorted().join() !== "bytes,path") return metadata;
  const bytes = at + 1 + fields.indexOf("bytes");
  const schema = metadata.schema.flatMap((element, i) =>
    i === bytes ? [] : i === at ? [{ ...element, num_children: 1 }] : [element],
  );
  const isBytes = (place: readonly string[] | undefined): boolean => place?.[0] === image && place[1] === "bytes";
  const row_groups = metadata.row_groups.map((group) => ({
    ...group,
    columns: group.columns.filter(({ meta_data }) => !isBytes(meta_data?.path_in_schema)),
  }));
  return { ...metadata, schema, row_groups };
}

type Groups = (shard: number, row: number) => Promise<Uint8Array>;

/** Reads the row group that a row is in, and keeps the last few. */
function groupReader(tables: readonly Table[], image: string): Groups {
  const kept = new Map<string, Promise<Record<string, unknown>[]>>();
  return async (shard, row) => {
    const { path, file, metadata } = tables[shard]!;
    const [group, rowStart, rowEnd] = groupOf(metadata, row);
    const key = `${shard} ${group}`;
    const own =
      kept.get(key) ??
      checked(path, () =>
        parquetReadObjects({ file, metadata, columns: [image], rowStart, rowEnd, compressors, utf8: false }),
      );
    // The last used stays longest.
    kept.delete(key);
    kept.set(key, own);
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT_GROUPS) break;
      kept.delete(oldest);
    }
    const value = (await own)[row - rowStart]?.[image];
    const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null | undefined)?.bytes;
    if (!(bytes instanceof Uint8Array))
      throw new DataError(`picture "${path}:${row}" is not in the file: column "${image}" has no bytes there.`);
    return bytes;
  };
}

function groupOf({ row_groups: groups }: FileMetaData, row: number): [group: number, start: number, end: number] {
  let start = 0;
  for (const [i, { num_rows }] of groups.entries()) {
    const end = start + Number(num_rows);
    if (row < end) return [i, start, end];
    start = end;
  }
  throw new DataError(`row ${row} is in none of the file's ${groups.length} row groups; fetch it again.`);
}
