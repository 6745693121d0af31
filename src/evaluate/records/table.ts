import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { ByteWriter, type ColumnSource, ParquetWriter } from "hyparquet-writer";
import { DataError, reason } from "../../errors.js";
import { openAside, openFile } from "../../files.js";

/** Rows that are written, and read, at a time: what memory they take does not grow with their number. */
export const ROW_GROUP = 10_000;

/** How rows become columns of a Parquet file. */
export interface TableForm<Row> {
  readonly schema: FileMetaData["schema"];
  columns(rows: readonly Row[]): ColumnSource[];
  /** Of a row group; `ROW_GROUP` unless given. */
  readonly rowGroup?: number;
}

/**
 * Writes rows as a Parquet file; the same rows give the same bytes.
 * @param metadata - what stands in the file's metadata
 */
export async function writeTable<Row>(
  path: string,
  { schema, columns, rowGroup = ROW_GROUP }: TableForm<Row>,
  batches: AsyncIterable<readonly Row[]>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const file = await openAside(path);
  try {
    const buffer = new ByteWriter();
    const flush = async (): Promise<void> => {
      await file.write(buffer.getBytes());
      buffer.index = 0;
    };
    const writer = new ParquetWriter({
      writer: buffer,
      schema,
      kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      createdBy: "fixres",
    });
    let waiting: Row[] = [];
    const write = async (rows: readonly Row[]): Promise<void> => {
      await writer.write({ columnData: columns(rows), rowGroupSize: rowGroup });
      await flush();
    };
    for await (const rows of batches) {
      waiting.push(...rows);
      for (; waiting.length >= rowGroup; waiting = waiting.slice(rowGroup)) await write(waiting.slice(0, rowGroup));
    }
    if (waiting.length > 0) await write(waiting);
    await writer.finish();
    await flush();
    await file.commit();
  } finally {
    await file.discard();
  }
}

/** A Parquet file of rows that is open for reading. */
export interface Table {
  readonly rows: number;
  /** What stands in its metadata. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The rows, some thousand at a time. @param columns - that alone are read; all unless given */
  read(columns?: readonly string[]): AsyncGenerator<Record<string, unknown>[]>;
}

/**
 * Opens a Parquet file of rows.
 * @param what - what it should hold, for messages, such as `rows of a record`  @param remedy - such as `evaluate again`
 * @throws {DataError} where the file is missing or damaged
 */
export async function openTable(
  path: string,
  { what, remedy, rowGroup = ROW_GROUP }: { what: string; remedy: string; rowGroup?: number },
): Promise<Table> {
  // Says what is wrong where there is no such file.
  await (await openFile(path, what)).close();
  const attempt = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      const again = `${remedy[0]!.toUpperCase()}${remedy.slice(1)}`;
      throw new DataError(`"${path}" cannot be read as ${what}: ${reason(error)}. ${again}.`);
    });
  const file = await attempt(asyncBufferFromFile(path));
  const metadata: FileMetaData = await attempt(parquetMetadataAsync(file));
  const rows = Number(metadata.num_rows);
  return {
    rows,
    metadata: Object.fromEntries(
      (metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ""] as const),
    ),
    async *read(columns) {
      for (let rowStart = 0; rowStart < rows; rowStart += rowGroup) {
        const rowEnd = Math.min(rows, rowStart + rowGroup);
        const objects = await attempt(
          parquetReadObjects({ file, metadata, columns: columns && [...columns], rowStart, rowEnd }),
        );
        if (objects.length !== rowEnd - rowStart)
          throw new DataError(`"${path}" holds fewer rows than the ${rows} that it claims; ${remedy}.`);
        yield objects;
      }
    },
  };
}
